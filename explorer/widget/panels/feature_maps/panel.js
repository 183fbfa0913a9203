// A picture's way through the network: a film strip of the blocks, and one layer's channels.

function add(parent, tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  parent.append(made);
  return made;
}

// The longest side is given; pictures of fewer pixels show them as squares.
function addPicture(parent, png, side, alt) {
  const url = URL.createObjectURL(new Blob([png], { type: "image/png" }));
  const made = add(parent, "img", "");
  made.alt = alt;
  made.style.width = made.style.height = `${side}px`;
  made.addEventListener("load", () => {
    URL.revokeObjectURL(url);
    const longest = Math.max(made.naturalWidth, made.naturalHeight);
    made.classList.toggle("explorer-enlarged", longest < side);
  });
  made.src = url;
}

function render({ model, el }) {
  el.classList.add("explorer-maps");
  const film = add(el, "div", "explorer-film");
  film.setAttribute("role", "group");
  film.setAttribute("aria-label", "Film strip of the blocks, from input to output");
  const note = add(el, "p", "explorer-muted");
  const heading = add(el, "div", "explorer-heading");
  const channels = add(el, "div", "explorer-channels");

  function addFrame(parent, frame) {
    const button = add(parent, "button", "explorer-frame");
    button.type = "button";
    button.title = `${frame.name}: click to select`;
    button.dataset.id = frame.id;
    button.addEventListener("click", () => model.send({ select: frame.id }));
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
      group.frames.forEach((frame) => addFrame(frames, frame));
    });
    mark();
  }

  function drawChannels() {
    const shown = model.get("channels");
    heading.textContent = shown.title ?? "";
    channels.replaceChildren();
    for (const channel of shown.pictures ?? []) {
      const figure = add(channels, "figure", "");
      addPicture(figure, channel.png, shown.side, "");
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
    for (const frame of film.querySelectorAll(".explorer-frame")) {
      frame.setAttribute("aria-pressed", String(frame.dataset.id === model.get("selected")));
    }
  }

  model.on("change:groups", drawFilm);
  model.on("change:channels", drawChannels);
  model.on("change", mark);
  drawFilm();
  drawChannels();
  return () => {
    model.off("change:groups", drawFilm);
    model.off("change:channels", drawChannels);
    model.off("change", mark);
  };
}

export default { initialize, render };
