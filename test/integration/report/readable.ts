// What the browser finds out about a page: expressions that are evaluated in it.

/** Runs in the page: words of a chart that lie over each other or outside it. */
export const overlapping = `() => {
  const found = []
  for (const svg of document.querySelectorAll('svg[role=img]')) {
    const bounds = svg.getBoundingClientRect()
    const texts = [...svg.querySelectorAll('text')].filter((text) => text.textContent !== '')
      .map((text) => ({ text: text.textContent, box: text.getBoundingClientRect() }))
    const title = svg.querySelector('title').textContent
    for (const [i, { text, box }] of texts.entries()) {
      if (box.left < bounds.left - 1 || box.right > bounds.right + 1 || box.bottom > bounds.bottom + 3 || box.top < bounds.top - 3)
        found.push(title + ': ' + text + ' is outside')
      for (const other of texts.slice(i + 1)) {
        const across = Math.min(box.right, other.box.right) - Math.max(box.left, other.box.left)
        const down = Math.min(box.bottom, other.box.bottom) - Math.max(box.top, other.box.top)
        if (across > 1 && down > 3) found.push(title + ': ' + text + ' over ' + other.text)
      }
    }
  }
  return found
}`

/** Runs in the page: words whose contrast with what is behind them is below 4.5 to 1, and marks below 3 to 1. */
export const pale = `() => {
  const parse = (colour) => { const [r, g, b, a = 1] = colour.match(/[0-9.]+/g).map(Number); return { rgb: [r, g, b], a } }
  const light = (rgb) => {
    const [r, g, b] = rgb.map((value) => { const c = value / 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4 })
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const contrast = (a, b) => { const [low, high] = [light(a), light(b)].sort((x, y) => x - y); return (high + 0.05) / (low + 0.05) }
  const behind = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const { rgb, a } = parse(getComputedStyle(at).backgroundColor)
      if (a === 1) return rgb
    }
    return [255, 255, 255]
  }
  const found = new Set()
  const check = (element, colour, least, what) => {
    const { rgb, a } = parse(colour)
    if (a < 1) return
    const value = contrast(rgb, behind(element))
    if (value < least) found.add(what + ' ' + value.toFixed(2))
  }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement
    if (walker.currentNode.textContent.trim() === '' || element.closest('title, desc') !== null) continue
    const style = getComputedStyle(element)
    check(element, element.closest('svg') === null ? style.color : style.fill, 4.5, walker.currentNode.textContent.trim().slice(0, 30))
  }
  for (const mark of document.querySelectorAll('svg rect:not(.span, .ground), svg path')) {
    const style = getComputedStyle(mark)
    check(mark, mark.matches('.line') ? style.stroke : style.fill, 3, 'mark ' + mark.getAttribute('class'))
  }
  return [...found]
}`
