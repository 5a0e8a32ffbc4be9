import { html, type Markup } from '../html.ts'

/** What docs/explanation/what-a-result-means.md says at length. */
export function reading(): Markup {
  return html`<details class="reading"><summary>How to read this</summary>
<ul>
<li>A score is the output of the classifier for one frame, from 0 to 1. It is not the probability that the call is right.</li>
<li>A chunk has the highest score of each class over its frames. Both may be high; the higher one decides, and a tie is viral.</li>
<li>A contig is called by the difference of both scores over its chunks, where a chunk that is sure weighs more. The tier says how far the call can be relied on; with fewer than five scored chunks it is one lower.</li>
<li>No score does not mean not viral. A chunk in which every frame has a stop codon never reaches the models.</li>
<li>A prophage is hidden in the mean of a long contig. Look for viral stretches, the lines on top of the tracks.</li>
<li>Plasmids, bacteria and hosts are called viral at times. Confirm what matters with other programs, such as CheckV, geNomad and BLAST.</li>
</ul>
<p class="soft">More: <code>docs/explanation/what-a-result-means.md</code> of the program.</p>
</details>
`
}
