// @ts-check
// Shows the drawing that the kernel sends, and lets a user look around in it: zoom, pan, search,
// hover, select, and walk along the graph with the arrow keys.

/** @typedef {Model<CanvasState, CanvasSends, CanvasGets>} DiagramModel */

const HELP =
  "Arrow right and left: along the data flow. Down and up: the other way where it branches, " +
  "such as a skip connection. Home and End: the first block and the last. Page up and page down: pan. " +
  "Enter: show or hide a block's layers, or those that a row folds. Escape: from a layer to its block.";

// Pixels between the hint, its box and the edges of the canvas.
const GAP = 4;

// So many steps there are from edge to edge, where a place for it is looked for.
const STEPS = 30;

/** By how much of its height keys pan the diagram. */
const PANS = /** @type {Record<string, number>} */ ({ PageDown: 0.9, PageUp: -0.9 });

// Points between columns of rows.
const GUTTER = 8;

/**
 * Lays a rectangle over a layer's row, which is found by its first cell, or over its slab.
 * @param {Element} graph
 * @param {Element} cell
 * @param {number[]} starts Where the columns of the card's rows begin.
 */
function coverRow(graph, cell, starts) {
  const [left, top, right, bottom] = cornersOf(cell.querySelector("polygon"));
  const card = cornersOf(nodeOf(cell)?.querySelector(":scope > polygon"));
  const next = Math.min(...starts.filter((start) => start > left));
  const row = [left > Math.min(...starts) ? left : card[0], next < card[2] ? next - GUTTER : card[2]];
  const [from, to] = isRow(cell) ? row : [left, right];
  const size = { x: from, y: top, width: to - from, height: bottom - top };
  return makeSvg("rect", { ...size, class: "explorer-layer" }, graph);
}

/** @param {Element} cell */
function isRow(cell) {
  return cell.querySelector("a")?.getAttribute("xlink:title") === "row";
}

/** @param {Element} part */
function nodeOf(part) {
  return part.closest("g.node");
}

/**
 * Finds the elements of the items in a drawing, by the items' ids.
 * @param {HTMLElement} canvas
 * @param {Item[]} items
 * @param {Record<string, string>} places
 */
function findElements(canvas, items, places) {
  /** @type {Map<string, SVGElement>} */
  const elements = new Map();
  const known = new Set(items.map((item) => item.id));
  /** @type {(element: SVGElement, id: string, block?: string) => void} */
  const add = (element, id, block = id) => {
    if (!known.has(id) || elements.has(id)) return;
    elements.set(id, element);
    [element.dataset.item, element.dataset.block] = [id, block];
    element.setAttribute("role", "button");
  };
  /** @type {NodeListOf<SVGGElement>} */
  const nodes = canvas.querySelectorAll("g.node");
  for (const node of nodes) add(node, places[node.id]);
  const graph = required(canvas.querySelector("g.graph"), "graph");
  // Graphviz writes columns line by line; they are read from top to bottom.
  const order = new Map(Object.keys(places).map((id, place) => [`a_${id}`, place]));
  const cells = [...graph.querySelectorAll('g[id^="a_box"]')].filter(({ id }) => order.has(id));
  cells.sort((one, other) => Number(order.get(one.id)) - Number(order.get(other.id)));
  /** @type {Map<Element | null, Set<number>>} */
  const starts = new Map();
  for (const cell of cells.filter(isRow)) {
    const [start] = cornersOf(cell.querySelector("polygon"));
    starts.set(nodeOf(cell), (starts.get(nodeOf(cell)) ?? new Set()).add(start));
  }
  for (const cell of cells) {
    const [id, node] = [places[cell.id.slice(2)], nodeOf(cell)];
    const rect = coverRow(graph, cell, [...(starts.get(node) ?? [])]);
    const block = places[node?.id ?? ""];
    [rect.dataset.item, rect.dataset.block] = [id, block]; // slabs of a closed card are no items of their own
    add(rect, id, block);
  }
  return elements;
}

/**
 * Returns the id of the item that an event is about, if any.
 * @param {Event} event
 */
function itemIdAt(event) {
  const element = targetOf(event)?.closest("[data-item]");
  return element instanceof SVGElement ? element.dataset.item : undefined;
}

/**
 * A drawing, and what is in it.
 * @typedef {Pick<CanvasState, "dot" | "items" | "places" | "changed" | "detail" | "family">} Picture
 */

/**
 * @param {DiagramModel} model
 * @returns {Picture}
 */
function pictureOf(model) {
  return {
    dot: model.get("dot"),
    items: model.get("items"),
    places: model.get("places"),
    changed: model.get("changed"),
    detail: model.get("detail"),
    family: model.get("family"),
  };
}

/**
 * Returns what a picture has in common with those of which only numbers differ.
 * @param {Picture} picture
 */
function frameOf({ items, places, family, detail }) {
  return JSON.stringify([items.map((item) => [item.id, item.feeds]), places, family, detail]);
}

/** The drawing with its items: what is drawn, what is selected, and where the keys are. */
class DiagramItems {
  /**
   * @param {DiagramModel} model
   * @param {HTMLElement} canvas
   */
  constructor(model, canvas) {
    this.model = model;
    this.canvas = canvas;
    /** @type {Picture} What is drawn: while the next one is laid out, the model is ahead of it. */
    this.picture = { dot: "", items: [], places: {}, changed: [], detail: "", family: "" };
    /** @type {Map<string, SVGElement>} Of each item, by its id. */
    this.elements = new Map();
    /** @type {Map<string, string[]>} */
    this.comesFrom = new Map();
    this.current = ""; // the item that the tab key reaches
    this.hover = new Hover(canvas, "[data-item]", (element) => {
      const { item = "", block = "" } = /** @type {SVGElement} */ (element).dataset;
      return { id: item, block };
    });
    this.toggled = ""; // the item of which more or less is to be shown
  }

  /** @param {string | undefined} id */
  item(id) {
    return this.picture.items.find((item) => item.id === id);
  }

  /** Finds the items in another drawing. */
  drawn() {
    const { canvas } = this;
    const { items, places } = this.picture;
    for (const title of canvas.querySelectorAll("title")) title.remove(); // the hint says more
    this.elements = findElements(canvas, items, places);
    this.told();
    this.hover.drawn();
  }

  /** Follows what is said of the items that are drawn. */
  told() {
    const { canvas, elements } = this;
    const { items, changed } = this.picture;
    this.comesFrom = new Map(items.map((item) => [item.id, []]));
    for (const item of items) {
      for (const place of item.feeds) this.comesFrom.get(items[place].id)?.push(item.id);
      elements.get(item.id)?.setAttribute("aria-label", item.text.replaceAll("\n", ", "));
    }
    const blocks = items.filter((item) => !item.parent).length;
    canvas.setAttribute("aria-label", `Diagram of the network: ${blocks} boxes. ${HELP}`);
    for (const [id, element] of elements) {
      element.classList.toggle("explorer-changed", changed.includes(id));
    }
    this.mark();
  }

  mark() {
    const { model, elements } = this;
    const [selected, shown] = [model.get("selected"), model.get("shown")];
    if (elements.has(shown)) this.current = shown;
    else if (!elements.has(this.current)) this.current = elements.keys().next().value ?? "";
    for (const [id, element] of elements) {
      element.classList.toggle("explorer-selected", id === shown || id === selected);
      element.setAttribute("aria-pressed", String(id === shown));
      element.setAttribute("tabindex", id === this.current ? "0" : "-1");
    }
    /** @type {NodeListOf<SVGElement>} */
    const layers = this.canvas.querySelectorAll("rect.explorer-layer");
    for (const rect of layers) {
      const { item = "" } = rect.dataset;
      rect.classList.toggle("explorer-selected", item !== "" && [shown, selected].includes(item));
    }
  }

  /** @param {string} id */
  select(id) {
    this.model.send({ select: id });
  }

  /** @param {string} id */
  toggle(id) {
    const item = this.item(id);
    this.toggled = item?.is_fold ? id : item?.parent || id;
    this.model.send({ toggle: this.toggled });
  }

  /** @param {string} id */
  go(id) {
    this.current = id;
    const element = this.elements.get(id);
    element?.setAttribute("tabindex", "0");
    element?.focus();
    element?.scrollIntoView({ block: "nearest", inline: "nearest" });
    this.select(id);
  }

  /**
   * Returns where a key leads from an item, if anywhere.
   * @param {Item} item
   * @param {string} key
   */
  next(item, key) {
    const { items } = this.picture;
    const next = item.feeds.map((place) => items[place].id);
    const last = this.comesFrom.get(item.id) ?? [];
    const blocks = items.filter(({ parent }) => !parent);
    /** @type {Record<string, string | undefined>} */
    const ways = {
      ArrowRight: next.at(0),
      ArrowDown: next.at(-1),
      ArrowLeft: last.at(-1),
      ArrowUp: last.at(0),
      Home: blocks.at(0)?.id,
      End: blocks.at(-1)?.id,
      Escape: item.parent,
    };
    return ways[key];
  }
}

/**
 * Makes the buttons, the search and the list of formats over the drawing.
 * @param {HTMLElement} parent
 */
function makeTools(parent) {
  const search = make("input", { type: "search", placeholder: "find a layer" }, parent);
  search.setAttribute("aria-label", "find a layer; Enter goes to the next");
  const found = make("span", { className: "explorer-found", role: "status" }, parent);
  return { search, found };
}

/** How much can be written of a block, the least first. */
const DETAILS = /** @type {const} */ (["outline", "blocks", "layers"]);

/**
 * Returns what is so many steps more than a detail; undefined if there is nothing.
 * @param {string} detail
 * @param {number} steps
 */
const detailBeside = (detail, steps) => DETAILS[DETAILS.map(String).indexOf(detail) + steps];

/**
 * Makes the buttons that zoom; the returned function shows what fits.
 * @param {HTMLElement} parent
 * @param {HTMLElement} canvas
 * @param {Nearness} near
 * @param {HTMLElement} el
 */
function makeZoom(parent, canvas, near, el) {
  /** @type {(text: string, title: string, act: () => void) => HTMLButtonElement} */
  const button = (text, title, act) => makeButton(parent, text, title, act, { label: title });
  const zoom = new PanZoom(
    canvas,
    (fits) => {
      fit.setAttribute("aria-pressed", String(fits.width));
      all.setAttribute("aria-pressed", String(fits.all));
      near.look(zoom);
      map.follow();
    },
    (steps, at) => near.come(steps, at),
  );
  const map = new Minimap(el, zoom);
  button("−", "Zoom out", () => zoom.zoomTo(zoom.present / 1.25));
  button("+", "Zoom in", () => zoom.zoomTo(zoom.present * 1.25));
  const fit = button("Fit", "Fit to the width", () => zoom.hold("width"));
  const all = button("All", "Show the whole diagram", () => zoom.hold("all"));
  return zoom;
}

/**
 * Makes the button that brings the choices of how it is drawn.
 * @param {HTMLElement} parent
 * @param {HTMLElement} el
 */
function makeMore(parent, el) {
  const label = "How it is drawn";
  let open = new AbortController(); // of what closes them, while they are open
  const toggle = () => {
    const diagram = required(el.closest(".explorer-diagram"), "diagram");
    const isOpen = diagram.classList.toggle("explorer-more");
    more.setAttribute("aria-expanded", String(isOpen));
    open.abort();
    if (!isOpen) return;
    open = new AbortController();
    const options = { capture: true, signal: open.signal }; // no key comes up from the fields
    const inside = [more, diagram.querySelector(":scope > .explorer-choices")];
    window.addEventListener("pointerdown", (event) => {
      const path = event.composedPath();
      if (!inside.some((part) => part && path.includes(part))) toggle();
    }, options);
    /** @param {Event} event */
    const leave = (event) => {
      if (!(event instanceof KeyboardEvent) || event.key !== "Escape") return;
      toggle();
      more.focus();
      event.preventDefault();
      event.stopPropagation(); // nobody else closes anything
    };
    diagram.addEventListener("keydown", leave, options);
  };
  const more = makeButton(parent, "⋯", label, toggle, { label });
  more.setAttribute("aria-expanded", "false");
}

/**
 * Makes the list of formats to save the drawing in.
 * @param {HTMLElement} parent
 * @param {DiagramModel} model
 */
function makeSave(parent, model) {
  const save = make("select", { title: "Save the diagram" }, parent);
  save.setAttribute("aria-label", "Save the diagram");
  for (const name of ["Save…", "SVG", "PDF", "PNG", "DOT"]) {
    make("option", { textContent: name }, save);
  }
  save.addEventListener("change", () => {
    model.send({ save: /** @type {Save["save"]} */ (save.value.toLowerCase()) });
    save.selectedIndex = 0;
  });
}

/**
 * Lays a drawing out that is to be saved, and sends it back.
 * @param {ToLayOut} message
 * @param {DataView<ArrayBuffer>[]} buffers
 * @param {Layout} layout
 */
async function layOutFor(message, buffers, layout) {
  const answer = await layout.worker?.send({ dot: new TextDecoder().decode(buffers[0]) });
  const laid_out = answer && "svg" in answer ? answer.svg : "";
  layout.model.send({ laid_out, ending: message.lay_out_for });
}

/**
 * Sends what is searched for.
 * @param {HTMLInputElement} search
 * @param {DiagramModel} model
 * @param {PanZoom} zoom
 */
function followSearch(search, model, zoom) {
  search.addEventListener("input", () => {
    if (!search.value) zoom.endSearch();
    model.send({ find: search.value, step: 0 });
  });
  search.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter") model.send({ find: search.value, step: event.shiftKey ? -1 : 1 });
  });
}

/**
 * Has clicks select items, and open and close blocks.
 * @param {HTMLElement} canvas
 * @param {DiagramItems} items
 * @param {PanZoom} zoom
 */
function followClicks(canvas, items, zoom) {
  canvas.addEventListener("click", (event) => {
    if (zoom.hasMoved) return;
    const handle = targetOf(event)?.closest('g[id$="_toggle"]');
    const node = handle && nodeOf(handle);
    if (node) return items.toggle(items.picture.places[node.id]);
    const id = itemIdAt(event);
    if (!items.item(id)?.is_fold) return id && items.select(id);
    // The second click of two would meet what the first one has shown.
    if (id && event.detail < 2) items.toggle(id);
  });
  canvas.addEventListener("dblclick", (event) => {
    const id = itemIdAt(event);
    if (id && items.item(id)?.parent === "") items.toggle(id);
  });
}

/**
 * Has keys walk along the graph.
 * @param {HTMLElement} canvas
 * @param {DiagramItems} items
 * @param {HTMLElement} hint
 * @param {PanZoom} zoom
 */
function followKeys(canvas, items, hint, zoom) {
  canvas.addEventListener("keydown", (event) => {
    const item = items.item(event.target === canvas ? items.current : itemIdAt(event));
    if (!item || event.ctrlKey || event.metaKey || event.altKey) return;
    const wanted = items.next(item, event.key);
    if (event.key === "Enter" || event.key === " ") items.toggle(item.id);
    else if (wanted) items.go(wanted);
    else if (event.key in PANS) canvas.scrollTop += PANS[event.key] * zoom.room;
    else if (event.key === "Escape" && !hint.hidden) hint.hidden = true;
    else if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would go to the next cell
  });
}

/**
 * Returns how much of a box another one hides, from 0 to 1.
 * @param {DOMRect} box
 * @param {DOMRect} other
 */
function hiddenPart(box, other) {
  const width = Math.min(box.right, other.right) - Math.max(box.left, other.left);
  const height = Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top);
  return width > 0 && height > 0 ? (width * height) / (box.width * box.height) : 0;
}

/**
 * Returns the starts that a hint may have along one axis: at its box, and all over what is in view.
 * @param {[number, number]} box
 * @param {[number, number]} view
 * @param {number} size
 */
function startsOf([start, end], [first, last], size) {
  const [least, most] = [first + GAP, last - size - GAP];
  const across = Array.from({ length: STEPS + 1 }, (_, step) => least + ((most - least) * step) / STEPS);
  const starts = [(start + end - size) / 2, start - size - GAP, end + GAP, ...across];
  return starts.map((each) => Math.max(least, Math.min(each, most)));
}

/**
 * Shows what an item is, where that hides least of the boxes: what one goes to next stays free.
 * @param {HTMLElement} el
 * @param {HTMLElement} canvas
 * @param {DiagramItems} items
 * @param {PanZoom} zoom
 */
function makeHint(el, canvas, items, zoom) {
  const hint = make("div", { className: "explorer-hint", role: "tooltip", hidden: true }, el);
  /** @type {Element | null} */
  let of = null; // what it tells of
  /** @param {Event} event */
  function show(event) {
    const wasShown = !hint.hidden;
    const element = targetOf(event)?.closest("[data-item]");
    const item = items.item(itemIdAt(event));
    hint.hidden = !item || zoom.hasMoved;
    if (!element || !item || hint.hidden) return;
    const help = "→ ← the data flow, ↓ ↑ a branch of it, Enter: layers";
    const lines = [item.text];
    if (item.is_fold) lines.push("A click lists them.");
    if (event.type === "focusin") lines.push(help);
    const text = lines.join("\n");
    if (wasShown && hint.textContent === text && of === element) return;
    hint.textContent = text;
    of = element;
    place(element);
  }
  /** @param {Element} element */
  function place(element) {
    const { block = "" } = /** @type {SVGElement} */ (element).dataset;
    const box = (items.elements.get(block) ?? element).getBoundingClientRect();
    const own = element.getBoundingClientRect();
    const [frame, origin] = [canvas.getBoundingClientRect(), el.getBoundingClientRect()];
    hint.style.left = hint.style.top = "0"; // its size depends on where it is
    const { width, height } = hint.getBoundingClientRect();
    const boxes = [...canvas.querySelectorAll("g.node")].map((node) => node.getBoundingClientRect());
    let least = Number.POSITIVE_INFINITY;
    for (const x of startsOf([box.left, box.right], [frame.left, frame.left + zoom.space], width)) {
      for (const y of startsOf([box.top, box.bottom], [frame.top, frame.top + zoom.room], height)) {
        const at = new DOMRect(x, y, width, height);
        const ofOwn = hiddenPart(own, at);
        const hidden = Math.max(ofOwn && 1 + ofOwn, ...boxes.map((each) => hiddenPart(each, at)));
        if (hidden >= least) continue;
        least = hidden;
        hint.style.left = `${x - origin.left}px`;
        hint.style.top = `${y - origin.top}px`;
      }
    }
  }
  const hide = () => {
    hint.hidden = true;
  };
  canvas.addEventListener("pointermove", show);
  canvas.addEventListener("pointerleave", hide);
  canvas.addEventListener("focusin", show);
  canvas.addEventListener("focusout", hide);
  return hint;
}

/** How near the user is: from afar blocks are named, nearer one sees what they do, and layers. */
class Nearness {
  /** @param {DiagramItems} items */
  constructor(items) {
    this.items = items;
    this.family = "";
    this.seen = ""; // what was too small then, or not
    /** @type {{ width: number, height: number } | null} The family's blocks with what they do. */
    this.blocks = null;
    this.isByHand = false; // whether the user came nearer, or went away
    this.detail = ""; // that was drawn last
    this.anchor = ""; // the block that one came nearer to
  }

  /**
   * @param {number} steps
   * @param {MouseEvent | null} at
   */
  come(steps, at) {
    const { picture, canvas, elements, model } = this.items;
    const detail = detailBeside(picture.detail, steps);
    if (!picture.detail || !detail) return;
    this.isByHand = true;
    const { left, top, width, height } = canvas.getBoundingClientRect();
    const [x, y] = at ? [at.clientX, at.clientY] : [left + width / 2, top + height / 2];
    let nearest = Number.POSITIVE_INFINITY;
    for (const { id, parent } of picture.items) {
      const box = parent ? undefined : elements.get(id)?.getBoundingClientRect();
      const distance = box && Math.hypot(box.x + box.width / 2 - x, box.y + box.height / 2 - y);
      if (distance !== undefined && distance < nearest) [nearest, this.anchor] = [distance, id];
    }
    model.send({ detail });
  }

  /**
   * Has less written of a network that would be too small, until its place is larger.
   * @param {PanZoom} zoom
   */
  look(zoom) {
    const { picture, model } = this.items;
    const { detail, family } = picture;
    if (!detail || zoom.zoom !== null) return;
    if (zoom.mode !== "readable") {
      const less = detailBeside(detail, -1);
      if (less && zoom.present < FAR) model.send({ detail: less });
      return;
    }
    const seen = `${family}, ${detail}, ${zoom.frame}`;
    if (this.seen === seen) return; // an edit leaves it as it is
    this.seen = seen;
    if (this.family !== family) [this.family, this.blocks, this.isByHand] = [family, null, false];
    if (detail === "blocks") this.blocks = zoom.natural;
    if (this.isByHand || !this.blocks || detail === "layers") return;
    const wanted = zoom.wholeOf(this.blocks) < SMALLEST ? "outline" : "blocks";
    if (wanted !== detail) model.send({ detail: wanted });
  }

  /**
   * Goes on to look at the block that one came nearer to.
   * @param {PanZoom} zoom
   */
  drawn(zoom) {
    const { picture, elements } = this.items;
    const element = picture.detail !== this.detail && elements.get(this.anchor);
    this.detail = picture.detail;
    if (!element) return;
    zoom.hold("readable");
    zoom.scrollTo(element);
    this.anchor = "";
  }
}

/** @param {View<CanvasState, CanvasSends, CanvasGets>} view */
function render({ model, el }) {
  el.classList.add("explorer-canvas-view");
  const tools = make("div", { className: "explorer-tools" }, el);
  const canvas = make("div", { className: "explorer-canvas" }, el);
  canvas.setAttribute("role", "group");
  canvas.tabIndex = -1; // a click on the ground brings the keys here
  const { search, found } = makeTools(tools);
  const items = new DiagramItems(model, canvas);
  const near = new Nearness(items);
  const zoom = makeZoom(tools, canvas, near, el);
  makeMore(tools, el);
  makeSave(tools, model);
  const hint = makeHint(el, canvas, items, zoom);
  followClicks(canvas, items, zoom);
  followKeys(canvas, items, hint, zoom);
  followSearch(search, model, zoom);

  const isWalked = () => document.activeElement !== canvas && canvas.contains(document.activeElement);

  /**
   * @param {Picture} picture
   * @param {string} svg
   */
  function draw(picture, svg) {
    items.picture = picture;
    const isFocused = isWalked();
    canvas.innerHTML = svg;
    hint.hidden = true;
    if (!zoom.drawing) return;
    zoom.drawn();
    items.drawn();
    near.drawn(zoom);
    const toggled = items.elements.get(items.toggled);
    if (toggled) zoom.scrollTo(toggled);
    items.toggled = "";
    const current = toggled ?? items.elements.get(items.current);
    if (isFocused) current?.focus({ preventScroll: true });
  }

  function reveal() {
    items.mark();
    found.textContent = model.get("found");
    found.classList.toggle("explorer-sentence", model.get("found").endsWith("."));
    const element = items.elements.get(model.get("shown"));
    if (!element || isWalked()) return;
    if (document.activeElement === search && /^\d/.test(model.get("found"))) zoom.zoomForSearch();
    zoom.scrollTo(element);
  }

  let drawn = ""; // the SVG, if it was laid out here: elsewhere fonts can have other widths
  let before = "";
  function settle() {
    // What was scrolled to has gone with its network.
    if (before && !model.get("shown")) canvas.scrollTo(0, 0);
    before = model.get("shown");
    reveal();
  }
  /** @type {(picture: Picture, svg: string) => void} */
  const show = (picture, svg) => {
    draw(picture, svg);
    drawn = "";
    settle();
  };
  /**
   * Writes what is said of a picture into the one that is there; returns whether that is all it needs.
   * @param {Picture} picture
   */
  function write(picture) {
    if (frameOf(picture) !== frameOf(items.picture)) return false;
    const svg = rewritten(canvas, { dot: items.picture.dot, svg: drawn }, picture.dot);
    if (!svg) return false;
    [items.picture, drawn] = [picture, svg];
    hint.hidden = true; // it tells what was there
    items.told();
    settle();
    model.set("kept", drawn);
    return true;
  }

  const layout = new Layout(model);
  // Several traits come in one message; the drawing needs all of them.
  const update = () => {
    const picture = pictureOf(model);
    const [svg, kept] = [model.get("svg"), model.get("kept")];
    // Until the first drawing; what was kept may be of another network.
    if (!svg && kept && !items.picture.dot) show({ ...picture, dot: "kept" }, kept);
    if (picture.dot === items.picture.dot) {
      layout.drop();
      items.picture = picture;
      before = model.get("shown");
      reveal();
    } else if (svg) {
      layout.drop();
      show(picture, svg);
    } else {
      /** @param {LaidOut} answer */
      const receiveDrawing = (answer) => {
        if ("error" in answer) {
          canvas.textContent = `The diagram could not be laid out: ${answer.error}`;
          items.picture = picture;
        } else {
          show(picture, answer.svg);
          drawn = answer.svg;
          model.set("kept", drawn);
        }
      };
      layout.ask(picture.dot, receiveDrawing, () => write(picture));
    }
  };
  const unfollow = zoom.followSize();
  model.on("change", update); // at once: the other views wait for it
  /** @type {(message: CanvasGets, buffers: DataView<ArrayBuffer>[]) => void} */
  const receive = (message, buffers) => {
    if ("file" in message) download(message, buffers);
    else if ("picture" in message) downloadPicture(message, buffers);
    else if ("lay_out_for" in message) layOutFor(message, buffers, layout);
  };
  model.on("msg:custom", receive);
  update();
  layout.begin();
  return () => {
    unfollow();
    layout.end();
    model.off("change", update);
    items.hover.end();
    model.off("msg:custom", receive);
  };
}

export default { initialize, render };
