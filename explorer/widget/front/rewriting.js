// @ts-check
// Writes the numbers of a new drawing into the one that is on screen, where they are all that differs:
// cells say how wide they are, so each number fits, and Graphviz need not lay out the same once more.
// It stands before the module of the diagram.

// A node that is a table, as a line of a drawing in Graphviz' language has it; a text in there, and
// a number in that.
const NODE = /label=<(<TABLE.*<\/TABLE>)>.* id=(\w+)\]$/gm;
const TEXT = />([^<>]+)</g;
const NUMBER = /\d[\d,.]*/g;

/**
 * Returns the texts of each node of a drawing, by its id, and the drawing without the numbers in them.
 * @param {string} dot
 */
function withoutNumbers(dot) {
  /** @type {Map<string, string[]>} */
  const texts = new Map();
  const rest = dot.replace(NODE, (line, table, id) => {
    texts.set(id, [...table.matchAll(TEXT)].map(([, text]) => text));
    return line.replace(TEXT, (text) => text.replace(NUMBER, "0"));
  });
  return { texts, rest };
}

/**
 * Returns an SVG with other texts in a node; empty if it has no such node.
 * @param {string} svg
 * @param {string} id
 * @param {string[]} texts
 */
function withTexts(svg, id, texts) {
  const start = svg.indexOf(`<g id="${id}" class="node">`);
  if (start < 0) return "";
  const next = svg.indexOf("<!--", start); // it stands before each node and edge
  const end = next < 0 ? svg.length : next;
  let place = 0;
  const node = svg.slice(start, end).replace(/(<text[^>]*>)[^<]*/g, (_, tag) => tag + texts[place++]);
  return svg.slice(0, start) + node + svg.slice(end);
}

/**
 * Writes the numbers of another drawing into one, and returns its SVG with them; empty if more than
 * numbers differs, and all is as it was.
 * @param {Element} canvas Shows the drawing.
 * @param {{ dot: string, svg: string }} before The drawing.
 * @param {string} dot The other one.
 */
function rewritten(canvas, before, dot) {
  const [then, now] = [withoutNumbers(before.dot), withoutNumbers(dot)];
  if (then.rest !== now.rest) return "";
  let { svg } = before;
  /** @type {[Element, string][]} */
  const written = [];
  for (const [id, texts] of now.texts) {
    const old = then.texts.get(id) ?? [];
    if (texts.every((text, place) => text === old[place])) continue;
    const elements = canvas.querySelectorAll(`[id="${id}"] text`);
    svg = withTexts(svg, id, texts);
    if (!svg || elements.length !== texts.length) return "";
    for (const [place, element] of elements.entries()) {
      if (element.textContent !== old[place]) return ""; // such as one with a special character
      if (texts[place] !== old[place]) written.push([element, texts[place]]);
    }
  }
  for (const [element, text] of written) element.textContent = text;
  return svg;
}
