// @ts-check
// A picture's way through the network: a film strip of the blocks, and one layer's channels.

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
  made.style.width = made.style.height = `${side}px`;
  made.addEventListener("load", () => {
    const longest = Math.max(made.naturalWidth, made.naturalHeight);
    made.classList.toggle("explorer-enlarged", longest < side);
  });
  showPng(made, png);
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

  /** @type {(parent: Element, frame: FilmFrame) => void} */
  function addFrame(parent, frame) {
    const title = `${frame.name}: click to select`;
    const select = () => model.send({ select: frame.id });
    const button = makeButton(parent, "", title, select, { className: "explorer-frame" });
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
  }

  function drawChannels() {
    const shown = model.get("channels");
    heading.textContent = shown?.title ?? "";
    channels.replaceChildren();
    for (const channel of shown?.pictures ?? []) {
      const figure = add(channels, "figure", "");
      addPicture(figure, channel.png, shown?.side ?? 0, "");
      const caption = add(figure, "figcaption", "");
      add(caption, "b", "", channel.title);
      add(caption, "small", "", channel.strength);
    }
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
  return listen(model, {
    "change:groups": drawFilm,
    "change:channels": drawChannels,
    change: mark,
  });
}

export default { initialize, render };
