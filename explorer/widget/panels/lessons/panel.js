// @ts-check
// The list of lessons, or a step of one: what is said, what is asked, and what was said of the answer.
// It marks the part of the screen that a step points at.

/** Parts of the workspace that have names of their own. */
const PARTS = {
  controls: ".explorer-controls",
  stage: ".explorer-stage",
  side: ".explorer-side",
  strip: ".explorer-foot",
  run: ".explorer-bar > .mod-primary",
};

/** Those of them that are filled by tabs. */
const COVERED = ["stage", "side"];

/**
 * Returns the selector of what a step points at; none where it points at nothing.
 * @param {string} name
 */
function pointedAt(name) {
  const [kind, ...rest] = name.split(" ");
  const of = rest.join(" ");
  if (kind === "control" && of) return `.explorer-control-${CSS.escape(of)}`;
  if (kind === "figure" && of) return `.explorer-total[data-name="${CSS.escape(of)}"]`;
  return PARTS[/** @type {keyof typeof PARTS} */ (kind)] ?? "";
}

/**
 * Returns what tells whether something was said of an answer.
 * @param {LessonPage} page
 */
const saidOf = ({ question }) => question?.given || question?.problem;

/** What is read out of a mark in the row of steps. */
const MARKS = { "": "", asked: ", a question", right: ", right", wrong: ", not right yet" };

/** @param {View<LessonViewState, LessonViewSends, LessonViewGets>} view */
function render({ model, el }) {
  el.classList.add("explorer-lesson");
  el.setAttribute("role", "region");
  el.setAttribute("aria-label", "Lesson");
  const body = make("div", { className: "explorer-lesson-body" }, el);
  /** What is done is in sight wherever one reads. */
  const foot = make("div", { className: "explorer-lesson-foot" }, el);
  const pointing = make("style", {}, el);
  /** @type {LessonPage | null | undefined} */
  let drawn;
  /** What moves goes on while the rest is drawn anew. */
  const moving = make("div", { className: "explorer-lesson-moving" });
  let played = "";
  /** @type {ReturnType<typeof addSliding> | null} */
  let player = null;

  /** @param {LessonPage} page */
  function drawMoving({ sliding, pictures }) {
    const wanted = JSON.stringify([sliding, pictures]);
    if (wanted !== played) {
      player?.end();
      moving.replaceChildren();
      player = sliding && addSliding(moving, sliding);
      if (pictures.length) addGridPictures(moving, pictures);
      played = wanted;
    }
    if (sliding || pictures.length) body.append(moving);
  }

  /** @type {HTMLElement | null} */
  let workspace = null; // what the pane is a part of, and once was when it is taken away

  /** @param {LessonPage | null} page */
  function point(page) {
    const at = page ? pointedAt(page.points_at) : "";
    pointing.textContent = "";
    workspace ??= el.closest(".explorer-workspace");
    if (!workspace) return;
    workspace.dataset.pointsAt = page?.points_at ?? "";
    if (!at || !page) return;
    const here = `.explorer-workspace[data-points-at="${CSS.escape(page.points_at)}"]`;
    const offset = page.points_at.startsWith("control ") ? 3 : -2; // a label begins at its edge
    const marked = `${here} ${at}`;
    // Tabs would cover an outline of what they are in.
    pointing.textContent = COVERED.includes(page.points_at)
      ? `${marked}::after { content: ""; position: absolute; inset: 0; z-index: 2; pointer-events: none; border: 2px solid var(--points, #b35900); border-radius: 4px; }`
      : `${marked} { outline: 2px solid var(--points, #b35900); outline-offset: ${offset}px; border-radius: 4px; }`;
    const target = workspace.querySelector(at);
    if (target && getComputedStyle(target).visibility === "hidden") {
      const drawer = target.closest(PARTS.controls) ? "controls" : "side";
      pointing.textContent += ` ${here} .explorer-window > [data-name="${drawer}"] { outline: 2px solid var(--points, #b35900); }`;
    }
    if (!drawn || drawn.heading !== page.heading) target?.scrollIntoView({ block: "nearest" });
  }

  /**
   * Gives what moves the place of the explanation beneath.
   * @param {LessonPage | null} page
   */
  function makeRoom(page) {
    const isTall = Boolean(page && (page.sliding || page.pictures.length || page.question?.pictures.length));
    workspace?.classList.toggle("explorer-lesson-tall", isTall);
  }

  function drawList() {
    body.replaceChildren();
    foot.replaceChildren();
    make("h2", { textContent: "Lessons" }, body);
    make("p", { textContent: "Each asks first and shows then. What you answer stays on this machine." }, body);
    const label = make("label", { textContent: "Your name " }, body);
    const name = make("input", { type: "text", maxLength: 80, value: model.get("name") }, label);
    name.title = "It draws your numbers, and goes into the file that you can hand in";
    name.autocomplete = "off";
    const list = make("ol", {}, body);
    for (const { number, title, note } of model.get("course")) {
      const item = make("li", { value: number }, list);
      makeButton(item, title, "", () => model.send({ begin: number, name: name.value }));
      make("small", { textContent: note }, item);
    }
  }

  /** @param {LessonPage} page */
  function drawStep(page) {
    const isNew = !drawn || drawn.heading !== page.heading || drawn.place !== page.place;
    /** @type {HTMLInputElement | null} */
    const field = foot.querySelector('input[type="text"], input:checked');
    const typed = isNew ? "" : (field?.value ?? "");
    const focused = el.contains(document.activeElement) ? document.activeElement : null;
    const key = focused instanceof HTMLElement ? (focused.dataset.key ?? "") : "";
    const { scrollTop } = body;
    body.replaceChildren();
    foot.replaceChildren();
    const bar = make("div", { className: "explorer-lesson-bar" }, body);
    make("b", { textContent: page.title }, bar);
    makeButton(bar, "×", "Back to the list of lessons", () => model.send({ leave: true }), { label: "Back to the list of lessons", className: "jupyter-button" });
    drawMarks(page);
    const heading = make("h2", { textContent: page.heading, tabIndex: -1 }, body);
    heading.dataset.key = "heading";
    if (page.offer) {
      const offer = make("div", { className: "explorer-lesson-offer" }, body);
      make("p", { textContent: page.offer }, offer);
      makeButton(offer, "Go on from there", "", () => model.send({ go_on: true }), { className: "jupyter-button" });
    }
    for (const text of page.text) make("p", { textContent: text }, body);
    // Pictures may be asked about; a window at work is there to look at, and may be high.
    if (!page.question || page.pictures.length) drawMoving(page);
    if (page.question) drawQuestion(page.question, typed);
    if (page.question && !page.pictures.length) drawMoving(page);
    markTerms(body);
    markTerms(foot);
    drawWays(page);
    // What the keyboard comes to is not to lie beneath the question.
    const open = body.querySelector(".explorer-lesson-open");
    body.style.scrollPaddingBlock = open instanceof HTMLElement ? `${open.offsetHeight}px` : "";
    if (!isNew) {
      body.scrollTop = scrollTop;
      const same = /** @type {HTMLElement | null} */ (key ? el.querySelector(`[data-key="${key}"]`) : null);
      same?.focus({ preventScroll: true });
      if (drawn && saidOf(page) && saidOf(page) !== saidOf(drawn)) showVerdict();
    } else {
      body.scrollTop = 0;
      if (focused) heading.focus({ preventScroll: true });
    }
  }

  /** Brings what was said of an answer into sight: from its beginning where it is higher than the pane. */
  function showVerdict() {
    const said = body.querySelector(".explorer-lesson-verdict");
    said?.scrollIntoView({ block: said.clientHeight < body.clientHeight ? "nearest" : "start" });
  }

  /**
   * Keeps the answers where nothing else does, so that they outlast the page, or asks for those that are kept.
   * @param {LessonPage} page
   */
  function keep({ kept_as, kept }) {
    if (!kept_as) return;
    try {
      const key = `explorer ${kept_as}`;
      if (kept && drawn) localStorage.setItem(key, kept); // a view's first page may be an old one
      const found = kept ? null : localStorage.getItem(key);
      if (found) model.send({ restore: found });
    } catch {} // where the browser keeps nothing
  }

  /** @param {LessonPage} page */
  function drawMarks(page) {
    const row = make("div", { className: "explorer-lesson-marks" }, body);
    row.setAttribute("role", "group");
    row.setAttribute("aria-label", "Steps of the lesson");
    page.marks.forEach((mark, place) => {
      const isEnd = place === page.marks.length - 1;
      const said = `${isEnd ? "End" : `Step ${place + 1}`}${MARKS[mark]}`;
      const button = makeButton(row, "", said, () => model.send({ step: place }), { label: said, className: `explorer-lesson-mark explorer-lesson-${mark || "told"}` });
      button.dataset.key = `mark-${place}`;
      if (place === page.place) button.setAttribute("aria-current", "step");
    });
  }

  /** @type {(question: LessonQuestion, typed: string) => void} */
  function drawQuestion(question, typed) {
    const asked = make("div", { className: "explorer-lesson-question" }, body);
    const prompt = make("p", { textContent: question.prompt, id: `explorer-lesson-${Math.random().toString(36).slice(2)}` }, asked);
    const isOpen = !question.given;
    asked.classList.toggle("explorer-lesson-open", isOpen);
    const form = isOpen ? make("div", { className: "explorer-lesson-answer" }, foot) : asked;
    const row = make("div", { className: "explorer-row" });
    /** @type {() => string} */
    let answer = () => "";
    if (question.takes === "number" && isOpen) {
      const input = make("input", { type: "text", inputMode: "decimal", autocomplete: "off", value: typed }, row);
      input.setAttribute("aria-labelledby", prompt.id);
      input.dataset.key = "number";
      if (question.unit) make("span", { textContent: question.unit }, row);
      answer = () => input.value;
    } else if (question.takes === "choice" && isOpen) {
      answer = addChoices(form, question, prompt.id, typed);
    } else if (question.takes === "click" && isOpen) {
      const text = question.selected ? `Selected: ${question.selected}` : "Click in the diagram.";
      make("p", { className: "explorer-lesson-selected", textContent: text }, row).setAttribute("role", "status");
    } else if (question.takes === "build") {
      const list = make("ul", { className: "explorer-lesson-limits" }, form);
      for (const { text, is_met } of question.limits) {
        const item = make("li", { textContent: text }, list);
        item.className = is_met ? "explorer-lesson-met" : "explorer-lesson-missed";
      }
    }
    if (isOpen) {
      const give = () => model.send({ give: answer() });
      const text = question.takes === "build" ? "This is my network" : "This is my answer";
      form.append(row);
      const commit = makeButton(row, text, "", give, { className: "jupyter-button mod-primary" });
      commit.dataset.key = "commit";
      form.addEventListener("keydown", (event) => {
        if (event.key === "Enter" && event.target instanceof HTMLInputElement) give();
      });
    } else if (question.takes !== "build") {
      make("p", { className: "explorer-lesson-given", textContent: `Your answer: ${question.given}` }, form);
    }
    const said = make("div", { className: "explorer-lesson-verdict" }, body);
    said.setAttribute("role", "status");
    if (question.problem) make("p", { className: "explorer-lesson-problem", textContent: question.problem }, said);
    if (!question.given) return;
    said.classList.add(`explorer-lesson-${question.verdict}`);
    make("b", { textContent: question.verdict === "right" ? "Right." : "Not right." }, said);
    if (question.reason) make("p", { textContent: question.reason }, said);
    const isRight = question.verdict === "right";
    if (!isRight && question.solution) make("p", { textContent: `The answer: ${question.solution.replace(/\.$/, "")}.` }, said);
    if (question.pictures.length) addGridPictures(said, question.pictures);
    if (isRight) return;
    const variant = makeButton(said, "Try a variant", "The same question with other numbers", () => model.send({ variant: true }), { className: "jupyter-button" });
    variant.dataset.key = "variant";
  }

  /**
   * Adds the choices; returns what gives the chosen one.
   * @type {(form: HTMLElement, question: LessonQuestion, label: string, typed: string) => () => string}
   */
  function addChoices(form, question, label, typed) {
    const group = make("div", { className: "explorer-lesson-choices" }, form);
    group.setAttribute("role", "radiogroup");
    group.setAttribute("aria-labelledby", label);
    const name = `choice-${label}`;
    const all = question.choices.map((choice, place) => {
      const line = make("label", {}, group);
      const radio = make("input", { type: "radio", name, value: choice, checked: choice === typed }, line);
      radio.dataset.key = `choice-${place}`;
      line.append(` ${choice}`);
      return radio;
    });
    return () => all.find((radio) => radio.checked)?.value ?? "";
  }

  /** @param {LessonPage} page */
  function drawWays(page) {
    const row = make("div", { className: "explorer-lesson-ways" }, foot);
    const last = page.marks.length - 1;
    const note = make("p", { className: "explorer-lesson-note", textContent: page.note, hidden: !page.note }, row);
    note.setAttribute("role", "status");
    const back = makeButton(row, "Back", "", () => model.send({ step: page.place - 1 }), { className: "jupyter-button" });
    back.disabled = page.place === 0;
    back.dataset.key = "back";
    if (page.place < last) {
      const again = makeButton(row, "↺", "Show the network of this step again", () => model.send({ again: true }), { className: "jupyter-button", label: "Show the network of this step again" });
      again.dataset.key = "again";
      addKeep(row, page);
      const next = makeButton(row, "Next", "", () => model.send({ step: page.place + 1 }), { className: "jupyter-button" });
      next.dataset.key = "next";
      next.classList.toggle("mod-primary", !page.question || page.question.verdict === "right");
    } else {
      addKeep(row, page);
      const save = makeButton(row, "Save my answers", "", () => model.send({ save_outcome: true }), { className: "jupyter-button mod-primary" });
      save.disabled = !page.can_save;
      save.dataset.key = "save";
    }
  }

  /** @type {(row: HTMLElement, page: LessonPage) => void} */
  function addKeep(row, page) {
    if (!page.can_keep) return;
    const told = "Write your answers to a file beside the notebook, to go on another day";
    const keep = makeButton(row, "Save", told, () => model.send({ keep: true }), { className: "jupyter-button" });
    keep.dataset.key = "keep";
  }

  function draw() {
    const page = model.get("page");
    if (page === drawn) return;
    point(page);
    makeRoom(page);
    if (page) {
      drawStep(page);
      keep(page);
    } else drawList();
    drawn = page;
  }

  /** @type {(message: SavedFile, buffers: DataView<ArrayBuffer>[]) => void} */
  const save = (message, buffers) => download(message, buffers);
  model.on("msg:custom", save);
  draw();
  // Before it is part of the workspace, nothing can be pointed at.
  const frame = requestAnimationFrame(() => {
    point(model.get("page"));
    makeRoom(model.get("page"));
  });
  const ignore = listen(model, { change: draw });
  return () => {
    cancelAnimationFrame(frame);
    player?.end();
    makeRoom(null);
    if (workspace) delete workspace.dataset.pointsAt;
    model.off("msg:custom", save);
    ignore();
  };
}

export default { initialize, render };
