// The table of contigs in a report: this file stands in the page as it is, and runs in the browser.
{
  /**
   * @typedef {object} Contig
   * @property {number} rank
   * @property {string} name
   * @property {string} file Name of its input.
   * @property {number} length Bases.
   * @property {number} chunks
   * @property {number} scored
   * @property {number} viral Chunks.
   * @property {number} virus
   * @property {number} others
   * @property {number} delta
   * @property {string} call
   * @property {string} tier
   * @property {string} reason
   * @property {string} track Two letters for each step, or `..` where it is silent.
   * @property {[number, number][]} stretches Start from 0 and end.
   */

  /** @typedef {string | Node} Child */

  const PAGE_ROWS = 25
  /** So many are seen at a glance: there is nothing to search. */
  const FEW = 10
  const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const SVG = 'http://www.w3.org/2000/svg'
  /** Heights in a track: the band of stretches, then virus upwards and others downwards from the middle. */
  const BAND = 5
  const HALF = 20
  const MIDDLE = BAND + 1 + HALF

  const place = /** @type {HTMLElement} */ (document.getElementById('contig-table'))
  const { files, calls, tiers, rows } = JSON.parse(
    /** @type {HTMLElement} */ (document.getElementById('contig-data')).textContent ?? '',
  )
  /** @type {Contig[]} */
  const contigs = rows.map((/** @type {any[]} */ row, /** @type {number} */ i) => {
    const [
      name,
      file,
      length,
      chunks,
      scored,
      viral,
      virus,
      others,
      delta,
      call,
      tier,
      reason,
      track,
      stretches,
    ] = row
    const about = {
      rank: i + 1,
      name,
      file: files[file] ?? '',
      call: calls[call],
      tier: tiers[tier] ?? '',
      reason,
    }
    const counts = { length: length ?? NaN, chunks, scored, viral }
    return {
      ...about,
      ...counts,
      virus: virus ?? NaN,
      others: others ?? NaN,
      delta: delta ?? NaN,
      track,
      stretches,
    }
  })

  const whole = new Intl.NumberFormat('en-US')
  const order = new Intl.Collator('en', { numeric: true })
  const integer = (/** @type {number} */ value) => (Number.isNaN(value) ? '–' : whole.format(value))
  const score = (/** @type {number} */ value) =>
    Number.isNaN(value) ? '–' : value.toFixed(4).replace('-', '\u2212')

  /**
   * @typedef {object} Column
   * @property {string} name
   * @property {string} [kind] Class of its cells.
   * @property {(contig: Contig) => Child} cell
   * @property {(contig: Contig) => number | string} [key] What it is sorted by; without it, it is not.
   * @property {boolean} [falling] Whether the largest come first when it is first sorted by.
   */

  /** @type {Column[]} */
  const columns = [
    { name: 'Rank', kind: 'n screen', cell: ({ rank }) => integer(rank), key: ({ rank }) => rank },
    { name: 'Contig', kind: 'path', cell: named, key: ({ name }) => name },
    ...(files.length > 1 ? [{ name: 'Input', kind: 'path', cell: fileOf, key: fileOf }] : []),
    {
      name: 'Length',
      kind: 'n',
      cell: ({ length }) => integer(length),
      key: ({ length }) => length,
      falling: true,
    },
    { name: 'Call', kind: 'call', cell: called, key: ({ call }) => calls.indexOf(call) },
    {
      name: 'Tier',
      cell: ({ tier }) => tier || '–',
      key: ({ tier }) => (tier === '' ? NaN : tiers.indexOf(tier)),
    },
    {
      name: 'Weighted difference',
      kind: 'n',
      cell: ({ delta }) => score(delta),
      key: ({ delta }) => delta,
      falling: true,
    },
    { name: 'Virus', kind: 'n', cell: ({ virus }) => score(virus), key: ({ virus }) => virus, falling: true },
    {
      name: 'Others',
      kind: 'n',
      cell: ({ others }) => score(others),
      key: ({ others }) => others,
      falling: true,
    },
    {
      name: 'Viral chunks',
      kind: 'n',
      cell: ({ viral, scored }) => `${integer(viral)} of ${integer(scored)}`,
      key: ({ viral, scored }) => viral / scored,
      falling: true,
    },
    { name: 'Scores along the contig', kind: 'track', cell: (contig) => track(contig) },
  ]

  const state = { column: 0, falling: false, text: '', call: '', page: 0 }
  /** The contigs that are looked for, in order. */
  let found = contigs
  /** Ranks of those that are shown large. @type {Set<number>} */
  const open = new Set(contigs.length === 1 && rows[0][12] !== '' ? [1] : [])

  /**
   * @param {string} tag
   * @param {Record<string, string | boolean>} attributes
   * @param {Child[]} children
   */
  function element(tag, attributes, ...children) {
    const made = document.createElement(tag)
    for (const [name, value] of Object.entries(attributes))
      if (value !== false) made.setAttribute(name, value === true ? '' : value)
    made.append(...children)
    return made
  }

  /**
   * @param {string} tag
   * @param {Record<string, string | number>} attributes
   * @param {Child[]} children
   */
  function drawn(tag, attributes, ...children) {
    const made = document.createElementNS(SVG, tag)
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value))
    made.append(...children)
    return made
  }

  function fileOf(/** @type {Contig} */ { file }) {
    return file
  }

  function named(/** @type {Contig} */ contig) {
    if (contig.track === '') return contig.name
    const isOpen = open.has(contig.rank)
    const button = element(
      'button',
      { type: 'button', class: 'more', 'aria-expanded': String(isOpen) },
      contig.name,
    )
    button.title = 'Show the scores of this contig large'
    button.onclick = () => {
      if (!open.delete(contig.rank)) open.add(contig.rank)
      fill()
      const again = body.querySelector(`[data-rank="${contig.rank}"] button`)
      if (again instanceof HTMLElement) again.focus()
    }
    return button
  }

  function called(/** @type {Contig} */ { call, reason }) {
    const mark = drawn('svg', { viewBox: '0 0 10 10', class: 'mark', 'aria-hidden': 'true' })
    mark.append(drawn('rect', { class: classOf(call), width: 10, height: 10, rx: 2 }))
    return element('span', {}, mark, reason === '' ? call : `${call}: ${reason}`)
  }

  function classOf(/** @type {string} */ call) {
    return ['viral', 'ambiguous', 'others', 'none'][calls.indexOf(call)] ?? 'none'
  }

  /** The scores of a contig from its start to its end. */
  function track(/** @type {Contig} */ contig, large = false) {
    const { track: letters, length, stretches } = contig
    const steps = letters.length / 2
    if (steps === 0) return ''
    const svg = drawn('svg', {
      class: large ? 'track large' : 'track',
      viewBox: `0 0 ${steps} ${MIDDLE + HALF}`,
      preserveAspectRatio: 'none',
      role: 'img',
    })
    svg.append(
      drawn('title', {}, describe(contig)),
      drawn('rect', { class: 'ground', y: BAND + 1, width: steps, height: 2 * HALF }),
      drawn('path', { class: 'viral', d: steppes(letters, 0, -HALF) }),
      drawn('path', { class: 'others', d: steppes(letters, 1, HALF) }),
    )
    // Chunks overlap, and steps do not: where a step is a chunk, a stretch begins and ends with one.
    const isWhole = steps === contig.chunks
    const at = (/** @type {number} */ base) => (isWhole ? Math.round : Number)((steps * base) / length)
    for (const [from, to] of stretches) {
      // A short one must be seen, too.
      const width = Math.max(at(to) - at(from), isWhole ? 1 : steps / 200)
      const x = Math.min(at(from), steps - width)
      svg.append(drawn('rect', { class: 'stretch', x, width, height: BAND - 1 }))
    }
    return svg
  }

  /** Outline of the steps of one class. Silent ones are left out. */
  function steppes(
    /** @type {string} */ letters,
    /** @type {number} */ offset,
    /** @type {number} */ height,
  ) {
    let path = ''
    for (let i = 0; 2 * i < letters.length; i++) {
      const letter = /** @type {string} */ (letters[2 * i + offset])
      if (letter === '.') continue
      const up = ((LETTERS.indexOf(letter) / (LETTERS.length - 1)) * height).toFixed(1)
      path += `M${i} ${MIDDLE}v${up}h1V${MIDDLE}z`
    }
    return path
  }

  function describe(/** @type {Contig} */ { chunks, scored, viral, stretches }) {
    const silent = chunks - scored
    const parts = [
      `${integer(viral)} viral`,
      `${integer(scored - viral)} not viral`,
      `${integer(silent)} without a score`,
    ]
    const where = stretches.length === 0 ? '' : ` Viral stretches: ${spans(stretches, 3)}.`
    return `${integer(chunks)} ${chunks === 1 ? 'chunk' : 'chunks'}: ${parts.join(', ')}.${where}`
  }

  function spans(/** @type {[number, number][]} */ stretches, /** @type {number} */ most) {
    const all = stretches.map(([from, to]) => `${integer(from + 1)} to ${integer(to)}`)
    const more = all.length > most ? ` and ${integer(all.length - most)} more` : ''
    return `${all.slice(0, most).join('; ')}${more}`
  }

  /** The row below that of a contig, with its track large. */
  function detail(/** @type {Contig} */ contig) {
    const { length, stretches } = contig
    const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) =>
      element('span', {}, integer(Math.max(1, Math.round(share * length)))),
    )
    const where =
      stretches.length === 0 ? 'No viral stretch.' : `Viral stretches, in bases: ${spans(stretches, 40)}.`
    return element(
      'tr',
      { class: 'detail' },
      element(
        'td',
        { colspan: String(columns.length) },
        element(
          'div',
          { class: 'sticky' },
          track(contig, true),
          element('div', { class: 'ticks', 'aria-hidden': 'true' }, ...ticks),
          element('p', { class: 'soft' }, `${describe({ ...contig, stretches: [] })} ${where}`),
        ),
      ),
    )
  }

  /** @returns {number} */
  function compare(
    /** @type {number | string} */ a,
    /** @type {number | string} */ b,
    /** @type {boolean} */ falling,
  ) {
    // What has no value stands at the end, whatever the direction.
    const [aMissing, bMissing] = [Number.isNaN(a), Number.isNaN(b)]
    if (aMissing || bMissing) return Number(aMissing) - Number(bMissing)
    const rising =
      typeof a === 'string'
        ? order.compare(a, String(b))
        : /** @type {number} */ (a) - /** @type {number} */ (b)
    return falling ? -rising : rising
  }

  /** Finds and sorts what is asked for. */
  function find() {
    const { column, falling, text, call } = state
    const key = /** @type {(contig: Contig) => number | string} */ (columns[column]?.key)
    const wanted = text.toLowerCase()
    found = contigs
      .filter((contig) => (call === '' || contig.call === call) && contig.name.toLowerCase().includes(wanted))
      .sort((a, b) => compare(key(a), key(b), falling) || a.rank - b.rank)
    state.page = 0
    fill()
  }

  /** Shows the page of rows. */
  function fill() {
    const from = state.page * PAGE_ROWS
    const shown = found.slice(from, from + PAGE_ROWS)
    body.replaceChildren(
      ...shown.flatMap((contig) => {
        const cells = columns.map(({ kind, cell, name }) =>
          element(
            name === 'Contig' ? 'th' : 'td',
            { class: kind ?? false, ...(name === 'Contig' && { scope: 'row' }) },
            cell(contig),
          ),
        )
        const row = element('tr', { 'data-rank': String(contig.rank) }, ...cells)
        return open.has(contig.rank) ? [row, detail(contig)] : [row]
      }),
    )
    const pages = Math.max(1, Math.ceil(found.length / PAGE_ROWS))
    status.textContent =
      found.length === 0
        ? 'No contig is called or named like that.'
        : `${integer(from + 1)} to ${integer(from + shown.length)} of ${integer(found.length)}`
    back.disabled = state.page === 0
    forth.disabled = state.page >= pages - 1
    pager.hidden = contigs.length <= PAGE_ROWS && found.length === contigs.length
    for (const [i, head] of heads.entries()) {
      const sorted = i === state.column ? (state.falling ? 'descending' : 'ascending') : 'none'
      if (columns[i]?.key !== undefined) head.setAttribute('aria-sort', sorted)
    }
  }

  function turn(/** @type {number} */ pages) {
    state.page += pages
    fill()
    region.scrollIntoView({ block: 'nearest' })
  }

  const heads = columns.map(({ name, kind, key, falling = false }, i) => {
    if (key === undefined) return element('th', { scope: 'col', class: kind ?? false }, name)
    const button = element('button', { type: 'button' }, name)
    button.onclick = () => {
      state.falling = state.column === i ? !state.falling : falling
      state.column = i
      find()
    }
    return element('th', { scope: 'col', class: kind ?? false }, button)
  })
  const body = element('tbody', {})
  const region = element(
    'div',
    { class: 'scroll', role: 'region', 'aria-label': 'Contigs', tabindex: '0' },
    element('table', { class: 'contigs' }, element('thead', {}, element('tr', {}, ...heads)), body),
  )
  const status = element('span', { role: 'status' })
  const back = /** @type {HTMLButtonElement} */ (element('button', { type: 'button' }, 'Previous'))
  const forth = /** @type {HTMLButtonElement} */ (element('button', { type: 'button' }, 'Next'))
  back.onclick = () => turn(-1)
  forth.onclick = () => turn(1)
  const pager = element('span', { class: 'pager' }, back, forth)
  const search = /** @type {HTMLInputElement} */ (
    element('input', { type: 'search', id: 'contig-search', spellcheck: 'false' })
  )
  search.oninput = () => {
    state.text = search.value.trim()
    find()
  }
  const filter = /** @type {HTMLSelectElement} */ (
    element(
      'select',
      { id: 'contig-call' },
      element('option', { value: '' }, 'all'),
      ...calls
        .filter((/** @type {string} */ call) => contigs.some((contig) => contig.call === call))
        .map((/** @type {string} */ call) => element('option', { value: call }, call)),
    )
  )
  filter.onchange = () => {
    state.call = filter.value
    find()
  }
  const controls = element(
    'div',
    { class: 'controls' },
    element('label', { for: 'contig-search' }, 'Name contains'),
    search,
    element('label', { for: 'contig-call' }, 'Call'),
    filter,
    status,
    pager,
  )
  controls.hidden = contigs.length <= FEW
  place.append(controls, region)
  find()
}
