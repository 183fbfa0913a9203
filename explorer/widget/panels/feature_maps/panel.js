// @ts-check
// A picture's way through the network: a film strip of the blocks, and one layer's channels. A click
// enlarges a picture, so that each of its pixels can be seen.

/**
 * A picture that can be enlarged.
 * @typedef {object} LargePicture
 * @property {DataView<ArrayBuffer>} png
 * @property {string} title
 * @property {string[]} lines What is said of it.
 * @property {() => void} [select] Called when it is shown.
 */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Element} parent
 * @param {Tag} tag
 * @param {string} className
 */
function add(parent, tag, className, text = "") {
  const made = make(tag, {}, parent);
  made.className = className;
  made.textContent = text;
  return made;
}

/**
 * The longest side is given; pictures of fewer pixels show them as squares.
 * @param {Element} parent
 * @param {DataView<ArrayBuffer>} png
 * @param {number} side
 * @param {string} alt
 */
function addPicture(parent, png, side, alt) {
  const made = add(parent, "img", "");
  made.alt = alt;
  made.style.setProperty("--side", String(side));
  made.addEventListener("load", () => {
    const longest = Math.max(made.naturalWidth, made.naturalHeight);
    made.classList.toggle("explorer-enlarged", longest < side / 2);
  });
  showPng(made, png);
}

/**
 * Makes what shows pictures as large as the window allows, one at a time: arrows go to the others.
 * @param {Element} parent
 * @returns {(all: LargePicture[], place: number) => void}
 */
function makeEnlarger(parent) {
  const dialog = make("dialog", { className: "explorer-large" }, parent);
  const image = make("img", {}, dialog);
  const words = make("div", {}, dialog);
  words.setAttribute("aria-live", "polite");
  const close = makeButton(dialog, "Close", "", () => dialog.close(), { className: "jupyter-button" });
  /** @type {LargePicture[]} */
  let pictures = [];
  let place = 0;

  const size = make("small", { className: "explorer-muted" });

  /** @param {number} wanted */
  function show(wanted) {
    place = Math.min(pictures.length - 1, Math.max(0, wanted));
    const { png, title, lines, select } = pictures[place];
    select?.();
    image.alt = title;
    dialog.setAttribute("aria-label", `Enlarged: ${title}`);
    words.replaceChildren();
    add(words, "b", "", title);
    for (const line of lines) add(words, "small", "", line);
    size.textContent = "";
    words.append(size);
    showPng(image, png);
  }
  image.addEventListener("load", () => {
    const { naturalHeight: height, naturalWidth: width } = image;
    const room = Math.min((0.9 * innerWidth) / width, (innerHeight - 150) / height);
    // Else some rows would be wider than others.
    image.style.width = `${width * (room < 1 ? room : Math.floor(room))}px`;
    size.textContent = `a picture of ${height} × ${width} pixels`;
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // beside it
  });
  dialog.addEventListener("keydown", (event) => {
    event.stopPropagation(); // its Escape is not the window's
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    show(place + step);
  });
  return (all, wanted) => {
    pictures = all;
    show(wanted);
    dialog.showModal();
    close.focus();
  };
}

/** @param {View<FilmState, FilmSends>} view */
function render({ model, el }) {
  el.classList.add("explorer-maps");
  const film = add(el, "div", "explorer-film");
  film.setAttribute("role", "group");
  film.setAttribute("aria-label", "Film strip of the blocks, from input to output");
  const note = add(el, "p", "explorer-muted");
  const heading = add(el, "div", "explorer-heading");
  const channels = add(el, "div", "explorer-channels");
  const enlarge = makeEnlarger(el);
  const hover = new Hover(film, ".explorer-frame", (frame) => {
    const { id = "" } = /** @type {HTMLElement} */ (frame).dataset;
    return { id, block: id };
  });

  function enlargeFrame(/** @type {FilmFrame} */ frame) {
    const frames = model.get("groups").flatMap((group) => group.frames);
    const all = frames.map(({ id, title, lines, tag, png }) => {
      const select = () => model.send({ select: id });
      return { png, title, lines: tag ? [...lines, tag] : lines, select };
    });
    enlarge(all, frames.findIndex(({ id }) => id === frame.id));
  }

  /** @type {(parent: Element, frame: FilmFrame) => void} */
  function addFrame(parent, frame) {
    const title = `${frame.name}: click to select and enlarge`;
    const act = () => enlargeFrame(frame);
    const button = makeButton(parent, "", title, act, { className: "explorer-frame" });
    button.dataset.id = frame.id;
    addPicture(add(button, "span", "explorer-screen"), frame.png, frame.side, "");
    add(button, "b", "", frame.title);
    for (const line of frame.lines) add(button, "small", "", line);
    if (frame.tag) add(button, "em", "", frame.tag);
  }

  function drawFilm() {
    film.replaceChildren();
    model.get("groups").forEach((group, index) => {
      if (index) add(film, "span", "explorer-arrow", "→").setAttribute("aria-hidden", "true");
      const part = add(film, "div", "explorer-part");
      part.dataset.role = group.role;
      add(part, "div", "explorer-part-name", group.title);
      const frames = add(part, "div", "explorer-frames");
      for (const frame of group.frames) addFrame(frames, frame);
    });
    mark();
    hover.drawn();
  }

  function drawChannels() {
    const shown = model.get("channels");
    heading.textContent = shown?.title ?? "";
    channels.replaceChildren();
    const pictures = shown?.pictures ?? [];
    const all = pictures.map(({ png, title, strength }) => ({ png, title, lines: [strength] }));
    pictures.forEach((channel, index) => {
      const figure = add(channels, "figure", "");
      const label = `Enlarge ${channel.title}`;
      const button = makeButton(figure, "", label, () => enlarge(all, index), { label });
      addPicture(button, channel.png, shown?.side ?? 0, "");
      const caption = add(figure, "figcaption", "");
      add(caption, "b", "", channel.title);
      add(caption, "small", "", channel.strength);
    });
  }

  function mark() {
    note.textContent = model.get("note");
    note.hidden = !note.textContent;
    film.classList.toggle("explorer-old", model.get("film_is_old"));
    channels.classList.toggle("explorer-old", model.get("channels_are_old"));
    for (const frame of /** @type {NodeListOf<HTMLElement>} */ (film.querySelectorAll(".explorer-frame"))) {
      frame.setAttribute("aria-pressed", String(frame.dataset.id === model.get("selected")));
    }
  }

  drawFilm();
  drawChannels();
  const ignore = listen(model, {
    "change:groups": drawFilm,
    "change:channels": drawChannels,
    change: mark,
  });
  return () => {
    ignore();
    hover.end();
  };
}

export default { initialize, render };
