// @ts-check
// Explains the words that views have marked: a card beside the one that the pointer or the focus is
// on, and a list of all terms, which can be searched.

/** Milliseconds that the pointer rests on a word before its card opens, and is off before it closes. */
const OPENS_AFTER = 350;
const CLOSES_AFTER = 250;
/** Pixels between a word and its card, and between a card and the edge. */
const GAP = 6;
const EDGE = 8;
/** What one may want to click next. */
const CLICKED = "button, a, input, select, [role=slider], [role=tab], tr";

/** Where a word is no part of what is read as a text. */
const NO_TEXT = "button, [role=button], summary, label, pre, code, select, textarea, svg, [aria-hidden=true]";

/** All that is explained. */
class Terms {
  /**
   * @param {Term[]} terms
   * @param {string} pattern
   */
  constructor(terms, pattern) {
    this.pattern = new RegExp(pattern, "g");
    this.entries = new Map(terms.flatMap((term) => term.spellings.map((spelling) => [spelling, term])));
  }

  /** @param {string} word */
  of(word) {
    return this.entries.get(word) ?? this.entries.get(word[0].toLowerCase() + word.slice(1));
  }

  /**
   * Marks each term where an element first has it.
   * @param {Element} el
   */
  mark(el) {
    const marked = [...el.querySelectorAll(".explorer-term")];
    const seen = new Set(marked.map((mark) => /** @type {HTMLElement} */ (mark).dataset.term));
    const walker = document.createTreeWalker(el, NodeFilter.SHOW_TEXT);
    /** @type {Text[]} */
    const texts = [];
    while (walker.nextNode()) texts.push(/** @type {Text} */ (walker.currentNode));
    for (const text of texts) {
      if (!text.parentElement?.closest(NO_TEXT)) this.markIn(text, seen);
    }
  }

  /** @param {Text} text @param {Set<string | undefined>} seen */
  markIn(text, seen) {
    /** @type {(Node | string)[]} */
    const pieces = [];
    let done = 0;
    for (const { 0: word, index } of text.data.matchAll(this.pattern)) {
      const term = this.of(word)?.term;
      if (!term || seen.has(term)) continue;
      seen.add(term);
      // Not a <button>, which is a box in its line: what follows it, such as a colon, could begin the next.
      const mark = make("span", { className: "explorer-term", tabIndex: 0, textContent: word });
      mark.dataset.term = term;
      setAttributes(mark, { role: "button", "aria-expanded": "false", "aria-haspopup": "dialog" });
      pieces.push(text.data.slice(done, index), mark);
      done = index + word.length;
    }
    if (pieces.length) text.replaceWith(...pieces, text.data.slice(done));
  }
}

/**
 * Writes what is known of a term.
 * @param {HTMLElement} parent
 * @param {Term} term
 */
function addMeaning(parent, { meaning, picture, lesson, source }) {
  addTermPicture(parent, picture);
  const text = make("p", { textContent: meaning }, parent);
  const more = make("small", {}, parent);
  if (lesson !== null) {
    const open = make("button", { type: "button", className: "explorer-to-lesson", textContent: `Lesson ${lesson}` }, more);
    open.dataset.lesson = String(lesson);
  }
  if (source) more.append(lesson === null ? source : ` · ${source}`);
  return text;
}

/** A card beside the word that it explains. */
class TermCard {
  /**
   * @param {HTMLElement} el Where it is put.
   * @param {HTMLElement} root The explorer's part of the page, whose words it explains.
   * @param {Terms} terms
   * @param {(term: string) => void} showAll Opens the list at a term.
   */
  constructor(el, root, terms, showAll) {
    this.root = root;
    this.terms = terms;
    this.showAll = showAll;
    this.card = make("div", { className: "explorer-term-card", hidden: true, tabIndex: -1 }, el);
    this.card.setAttribute("role", "dialog");
    this.card.id = `explorer-term-${Math.random().toString(36).slice(2)}`;
    /** @type {HTMLElement | null} The word whose card is open. */
    this.word = null;
    this.isHeld = false; // by a click, so that the pointer may leave
    this.isReturning = false; // the focus goes back to the word, which then stays closed
    this.timer = 0;
    // A word that is drawn anew is another one.
    this.gone = new MutationObserver(() => {
      if (this.word && !this.word.isConnected) this.close();
    });
  }

  /** @param {HTMLElement} word @param {boolean} isHeld */
  open(word, isHeld = false) {
    clearTimeout(this.timer);
    this.isHeld = isHeld || (this.isHeld && word === this.word);
    if (word === this.word) return;
    const term = this.terms.of(word.textContent ?? " ");
    if (!term || !word.isConnected) return;
    const isInside = this.card.contains(word);
    if (!isInside) this.mark(word);
    this.card.replaceChildren();
    const head = make("div", { className: "explorer-term-head" }, this.card);
    make("b", { textContent: term.term }, head);
    makeButton(head, "All terms", "Open the glossary", () => this.showAll(term.term), { className: "jupyter-button" });
    const text = addMeaning(this.card, term);
    text.id = `${this.card.id}-text`;
    this.card.setAttribute("aria-label", term.term);
    this.card.dataset.term = term.term;
    this.terms.mark(text);
    for (const own of text.querySelectorAll(`[data-term="${term.term}"]`)) own.replaceWith(own.textContent ?? "");
    this.card.hidden = false;
    this.place();
    if (isInside) this.card.focus({ preventScroll: true }); // the word is gone
    this.gone.observe(this.root, { childList: true, subtree: true });
  }

  /** @param {HTMLElement} word */
  mark(word) {
    this.unmark();
    this.word = word;
    setAttributes(word, { "aria-expanded": "true", "aria-controls": this.card.id, "aria-describedby": `${this.card.id}-text` });
  }

  unmark() {
    this.word?.setAttribute("aria-expanded", "false");
    this.word?.removeAttribute("aria-controls");
    this.word?.removeAttribute("aria-describedby");
    this.word = null;
  }

  /** @param {boolean} [isBack] Whether the focus goes back to the word. */
  close(isBack = false) {
    clearTimeout(this.timer);
    if (this.card.hidden) return;
    const word = this.word;
    this.gone.disconnect();
    this.unmark();
    this.isHeld = false;
    this.card.hidden = true;
    this.isReturning = true;
    if (isBack) word?.focus({ preventScroll: true });
    this.isReturning = false;
  }

  /** @param {() => void} act @param {number} pause */
  later(act, pause) {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(act, pause);
  }

  /** Puts it where it lies over the least that one may want to click; beside the pane, if it can. */
  place() {
    if (!this.word) return;
    const frame = this.root.getBoundingClientRect();
    const inside = {
      left: Math.max(frame.left, 0) + EDGE,
      right: Math.min(frame.right, window.innerWidth) - EDGE,
      top: Math.max(frame.top, 0) + EDGE,
      bottom: Math.min(frame.bottom, window.innerHeight) - EDGE,
    };
    this.card.style.maxHeight = `${inside.bottom - inside.top}px`;
    const { offsetWidth: width, offsetHeight: height } = this.card;
    const at = this.word.getBoundingClientRect();
    const pane = (this.word.closest(".explorer-side, .explorer-stage, .explorer-foot") ?? this.word).getBoundingClientRect();
    const wanted = [
      [pane.left - width - GAP, at.top - GAP],
      [pane.right + GAP, at.top - GAP],
      [at.left, at.bottom + GAP],
      [at.left, at.top - height - GAP],
    ];
    this.card.style.visibility = "hidden"; // so that what is beneath it is found
    let best = { left: inside.left, top: inside.top, cost: Infinity };
    for (const [x, y] of wanted) {
      const left = Math.max(inside.left, Math.min(x, inside.right - width));
      const top = Math.max(inside.top, Math.min(y, inside.bottom - height));
      const hides = left < at.right && left + width > at.left && top < at.bottom && top + height > at.top;
      const cost = hides ? Infinity : this.covered(left, top, width, height);
      if (cost < best.cost) best = { left, top, cost };
    }
    this.card.style.visibility = "";
    this.card.style.left = `${best.left - frame.left - this.root.clientLeft}px`;
    this.card.style.top = `${best.top - frame.top - this.root.clientTop}px`;
  }

  /** @type {(left: number, top: number, width: number, height: number) => number} */
  covered(left, top, width, height) {
    const page = /** @type {Document | ShadowRoot} */ (this.root.getRootNode());
    const found = new Set();
    for (let x = left; x <= left + width; x += 12) {
      for (let y = top; y <= top + height; y += 12) {
        const hit = page.elementFromPoint(x, y)?.closest(CLICKED);
        if (hit && hit !== this.word && this.root.contains(hit)) found.add(hit);
      }
    }
    return found.size;
  }
}

/** The list of all terms. */
class TermList {
  /**
   * @param {HTMLElement} el
   * @param {Term[]} terms
   */
  constructor(el, terms) {
    this.terms = terms;
    this.box = make("div", { className: "explorer-glossary-list", hidden: true }, el);
    setAttributes(this.box, { role: "dialog", "aria-label": "Glossary" });
    const head = make("div", { className: "explorer-term-head" }, this.box);
    make("b", { textContent: "Glossary" }, head);
    this.search = make("input", { type: "search", placeholder: "Search" }, head);
    this.search.setAttribute("aria-label", "Search the glossary");
    this.search.addEventListener("input", () => this.filter());
    makeButton(head, "×", "Close the glossary", () => this.close(), { className: "jupyter-button", label: "Close the glossary" });
    this.count = make("small", {}, this.box);
    this.count.setAttribute("role", "status");
    this.list = make("dl", { tabIndex: 0 }, this.box);
    this.list.setAttribute("aria-label", "Terms");
    /** @type {Element | null} What had the focus before. */
    this.before = null;
  }

  /** @param {string} [term] The one that is looked for. */
  open(term = "") {
    const root = /** @type {Document | ShadowRoot} */ (this.box.getRootNode());
    if (this.box.hidden) this.before = root.activeElement;
    if (!this.list.childElementCount) this.fill();
    this.box.hidden = false;
    this.search.value = "";
    this.filter();
    const found = [...this.list.querySelectorAll("dt")].find((name) => name.textContent === term);
    if (found) this.list.scrollTop = found.offsetTop - this.list.offsetTop;
    else this.list.scrollTop = 0;
    this.search.focus({ preventScroll: true });
  }

  fill() {
    for (const term of this.terms) {
      make("dt", { textContent: term.term }, this.list);
      addMeaning(make("dd", {}, this.list), term);
    }
  }

  filter() {
    const wanted = this.search.value.trim().toLowerCase();
    let shown = 0;
    this.terms.forEach(({ spellings, meaning }, place) => {
      const isFound = [...spellings, meaning].some((text) => text.toLowerCase().includes(wanted));
      shown += Number(isFound);
      for (const part of [0, 1]) {
        /** @type {HTMLElement} */ (this.list.children[2 * place + part]).hidden = !isFound;
      }
    });
    this.count.textContent = wanted ? `${shown} of ${this.terms.length} terms` : `${this.terms.length} terms`;
  }

  close() {
    if (this.box.hidden) return;
    this.box.hidden = true;
    if (this.before instanceof HTMLElement && this.before.isConnected) this.before.focus({ preventScroll: true });
  }
}

/** @param {View<GlossaryState, GlossarySends>} view */
function render({ model, el }) {
  el.classList.add("explorer-glossary");
  const terms = new Terms(model.get("terms"), model.get("pattern"));
  knowing.explorerTerms = (text) => terms.mark(text);
  const list = new TermList(el, model.get("terms"));
  const ends = new AbortController();
  let waiting = requestAnimationFrame(begin); // once it is part of the page

  function begin() {
    const root = /** @type {HTMLElement | null} */ (el.closest(".explorer-workspace"));
    if (!root) {
      waiting = requestAnimationFrame(begin);
      return;
    }
    for (const text of root.querySelectorAll(".explorer-termed")) terms.mark(text);
    const card = new TermCard(el, root, terms, (term) => {
      card.close(true);
      list.open(term);
    });
    /** @type {(event: Event) => HTMLElement | null} */
    const wordOf = (event) => targetOf(event)?.closest(".explorer-term") ?? null;
    /** @type {(event: FocusEvent | PointerEvent) => boolean} */
    const goesToCard = ({ relatedTarget }) => relatedTarget instanceof Node && card.card.contains(relatedTarget);
    const options = { signal: ends.signal };

    root.addEventListener("pointerover", (event) => {
      const word = wordOf(event);
      if (word && !card.card.contains(word) && event.pointerType !== "touch") card.later(() => card.open(word), OPENS_AFTER);
      else if (targetOf(event)?.closest(".explorer-term-card")) clearTimeout(card.timer);
      else if (!card.isHeld) card.later(() => card.close(), CLOSES_AFTER);
    }, options);
    root.addEventListener("pointerleave", () => {
      if (!card.isHeld) card.later(() => card.close(), CLOSES_AFTER);
    }, options);
    root.addEventListener("focusin", (event) => {
      const word = wordOf(event);
      if (word?.matches(":focus-visible") && !card.isReturning && !card.card.contains(word)) card.open(word);
    }, options);
    root.addEventListener("focusout", (event) => {
      if (targetOf(event)?.closest(".explorer-term, .explorer-term-card") && !goesToCard(event) && !card.isHeld) card.close();
    }, options);
    root.addEventListener("click", (event) => {
      const word = wordOf(event);
      if (!word) return;
      event.stopPropagation(); // the view that it stands in has other buttons
      if (word === card.word && card.isHeld) return card.close();
      card.open(word, true);
      if (event.detail === 0 && !card.card.hidden) card.card.focus({ preventScroll: true }); // by a key
    }, { ...options, capture: true });
    root.addEventListener("keydown", (event) => {
      const word = wordOf(event);
      if (!word || (event.key !== "Enter" && event.key !== " ")) return;
      event.preventDefault();
      word.click();
    }, { ...options, capture: true });
    window.addEventListener("pointerdown", (event) => {
      const inside = event.composedPath();
      if (!inside.includes(card.card) && !(card.word && inside.includes(card.word))) card.close();
      if (!inside.includes(list.box)) list.box.hidden = true;
    }, { ...options, capture: true });
    window.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || (card.card.hidden && list.box.hidden)) return;
      if (!card.card.hidden) card.close(card.card.matches(":focus-within"));
      else list.close();
      event.preventDefault();
      event.stopImmediatePropagation(); // nobody else closes anything
    }, { ...options, capture: true });
    el.addEventListener("click", (event) => {
      const { lesson } = /** @type {HTMLElement | null} */ (targetOf(event)?.closest("[data-lesson]"))?.dataset ?? {};
      if (lesson === undefined) return;
      card.close();
      list.close();
      model.send({ open_lesson: Number(lesson) });
    }, options);
    // JupyterLab would take keys for its own.
    el.addEventListener("keydown", (event) => event.stopPropagation(), options);
    root.addEventListener("scroll", (event) => {
      if (!targetOf(event)?.closest(".explorer-glossary")) card.close();
    }, { ...options, capture: true });
    root.addEventListener("explorer-glossary", () => list.open(), options);
  }

  return () => {
    cancelAnimationFrame(waiting);
    ends.abort();
  };
}

export default { initialize, render };
