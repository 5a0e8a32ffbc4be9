/** A string of the text format of protobuf, with its quotes. */
export function quote(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')}"`
}
