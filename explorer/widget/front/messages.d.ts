// Made by `make messages` of the widgets, messages.py, parts.py and what these hold: change those.
// Of each class of widgets there are the traits that it shares with its view, and the messages that
// the view sends and gets.

/** Shows a drawing, and reports what a user does in it as messages. */
interface CanvasState {
  changed: string[];
  detail: string;
  dot: string;
  family: string;
  found: string;
  items: Item[];
  kept: string;
  places: Record<string, string>;
  selected: string;
  shown: string;
  svg: string;
}

type CanvasSends = Select | Toggle | Nearer | Find | Save | WantsCode | LaysOut | LaidOutDrawing;

type CanvasGets = SavedFile | SavedPicture | ToLayOut | Code;

/** Shows the design as text of one kind, with the lines marked that the last edit changed. */
interface CodeViewState {
  code: CodeText;
  kinds: FileKind[];
  selected: string;
}

type CodeViewSends = WriteAs;

/** Two buttons, each with what it opens: to save and share the design, and to open another one. */
interface ExchangeState {
  about_link: string;
  account: Part[];
  configuration: string;
  configurations: Choice[];
  kinds: FileKind[];
  link: string;
  problem: string;
  questions: Question[];
  reading: Line[];
  saving: Line[];
}

type ExchangeSends = Share | SaveAs | OpenText | FilePart | Answer | Configure | CloseAccount;

type ExchangeGets = SavedFile;

/** A film strip of blocks, each a button, and the channels of a layer beneath. */
interface FilmState {
  channels: Channels | null;
  channels_are_old: boolean;
  film_is_old: boolean;
  groups: FilmGroup[];
  note: string;
  selected: string;
}

type FilmSends = Select;

/** The networks that were found, a row each; a click shows one. */
interface FoundTableState {
  can_save: boolean;
  caption: string;
  heads: string[];
  is_old: boolean;
  rows: FoundRow[];
}

type FoundTableSends = TakeFound | SaveFound;

type FoundTableGets = SavedFile;

/** Gives the plot its colours and its width, and sees to it that it is up to date. */
interface FrameState {
  drawing: number;
  steps: ChartStep[];
}

type FrameSends = Missed | WantsCode;

type FrameGets = Code;

/** Explains the words that the views mark: see `front/terms.js`. */
interface GlossaryState {
  pattern: string;
  terms: Term[];
}

type GlossarySends = OpenLesson;

/** Stands above the controls of a group. */
interface GroupHeadState {
  chain: string;
  closed: boolean;
  folded: boolean;
  note: string;
  off: boolean;
  title: string;
}

/** Buttons, a list to jump in, and the keys that every editor has. */
interface HistoryViewState {
  position: number;
  refused: boolean;
  steps: string[];
}

type HistoryViewSends = GoTo | GoBy;

/** Has the page run a network; the last question counts. */
interface InBrowserState {
  asked: RunHere | LookHere | FieldHere | null;
  picture: DataView<ArrayBuffer>;
  weights: DataView<ArrayBuffer>;
}

type InBrowserSends = WantsCode | RanHere | LookedHere | FoundHere | NotRunHere;

type InBrowserGets = Code;

/** Explains what is selected, with buttons that select what feeds it and what it feeds. */
interface InspectorState {
  heading: string;
  parts: Part[];
  prefix: string;
  running: boolean;
  selected: string;
}

type InspectorSends = Select | Edit | TimeLayers | TakeMove;

/** Shows the rows of a report. */
interface LayerTableState {
  quantities: LayerQuantity[];
  rows: LayerRow[];
  selected: string[];
  totals: Record<string, LayerTotal>;
}

type LayerTableSends = Select;

/** Two curves, and pictures: what is given, what is true, and what the network says. */
interface LearningState {
  answers: StepAnswers[];
  held_out: HeldOutPicture[];
  is_old: boolean;
  loss: Curve | null;
  metric: Curve | null;
}

type LearningGets = SavedFile;

/** The pane of the lesson; while none has begun, the list of them. */
interface LessonViewState {
  course: CourseEntry[];
  name: string;
  page: LessonPage | null;
}

type LessonViewSends = BeginLesson | GoToStep | GiveAnswer | TakeVariant | ShowAgain | LeaveLesson | SaveOutcome | KeepOutcome | GoOn | Restore;

type LessonViewGets = SavedFile;

/** Plays what a layer does to a small grid, step by step, over still pictures of grids. */
interface MotionState {
  pictures: GridPicture[];
  plays: boolean;
  sliding: Sliding | null;
  step: number;
}

/** Shows nothing; gives the explorer that it is part of its look, and its controls names. */
interface NamesState {
  hides: string;
  steps: Steps;
}

type NamesSends = StepsOf;

/** Names the blocks at the foot of the controls, over what scrolls there. */
interface OwnSettingsViewState {
  blocks: OwnSettings[];
}

type OwnSettingsViewSends = OpenOwn | RemoveOwn;

/** Shows parts beneath each other, and takes no place where there are none. */
interface PageState {
  label: string;
  parts: Part[];
}

/** Buttons to choose a picture, and to go back to the photograph. */
interface PictureUploadState {
  is_own: boolean;
  problem: string;
}

type PictureUploadSends = FilePart;

/** Shows the picture that the network sees, with what is seen of it drawn upon it. */
interface ReceptiveFieldViewState {
  effective: boolean;
  grid: Size | null;
  heat: DataView<ArrayBuffer>;
  inside: Rectangle | null;
  layer: string;
  lines: FieldLine[];
  most: Rectangle | null;
  object: Rectangle | null;
  picture: DataView<ArrayBuffer>;
  position: Position | null;
  ramp: string[];
  size: Size | null;
  whole: Rectangle | null;
}

type ReceptiveFieldViewSends = At | Move | Row | Column | SetObject | TakeRemedy;

/** One sentence, and a button for each remedy; nothing where nothing was refused. */
interface RefusalState {
  is_waiting: boolean;
  remedies: string[];
  text: string;
}

type RefusalSends = TakeRemedy;

/** What is wanted: budgets, what may be varied, and what is to be small. */
interface SearchFormState {
  budgets: BudgetRow[];
  count: number;
  device: Part[];
  done: number;
  image: Size;
  measures: string[];
  measures_device: boolean;
  minimised: string[];
  objects: ObjectsRow;
  outlook: string;
  problem: string;
  ready: boolean;
  runs: boolean;
  told: Part[];
  variables: VariableRow[];
}

type SearchFormSends = SetImage | AddBudget | SetBudget | RemoveBudget | FilePart | SetSizes | HoldShare | Vary | Minimise | MeasureDevice | StartSearch | StopSearch;

/** A bar for each layer, or each block of a long network, in the order of the data's way. */
interface StripState {
  selected: string[];
  steps: StripStep[];
}

type StripSends = Select;

/** A place for each figure, and for the time. */
interface TotalsState {
  figures: Figure[];
  time: Figure;
}

type TotalsSends = OpenFigure;

/** Buttons that change how much of the explorer is on screen; which, the browser alone knows. */
interface WindowState {
  lessons: boolean;
}

type WindowGets = Reveal;

/** A row for a budget of this measure is wanted. */
interface AddBudget {
  add_budget: string;
}

/** What the user says where the opened file leaves something open. */
interface Answer {
  answers: Record<string, number>;
}

/** A place in the picture was clicked. */
interface At {
  at: Point;
}

/** A lesson is to begin, with the variants of somebody. */
interface BeginLesson {
  begin: number;
  name: string;
}

/** How many rows and columns around a grid windows reach into. */
interface Border {
  top: number;
  left: number;
  bottom: number;
  right: number;
}

/** A budget, or a place for one. */
interface BudgetRow {
  row: number;
  of: string;
  limit: "at least" | "at most";
  amount: string;
  verdict: string;
  is_kept: boolean;
  problem: string;
  hint: string;
}

/** A figure that can be read at a glance, with what it is and a note on it. */
interface Card {
  name: string;
  value: string;
  note: string;
  title: string;
}

/** What one channel puts out, and how strong it is. */
interface ChannelPicture {
  title: string;
  strength: string;
  png: DataView<ArrayBuffer>;
}

/** A channel, and its mean absolute value. */
interface ChannelStrength {
  channel: number;
  strength: number | null;
}

/** A layer's channels, and the longest side of their pictures on screen, in pixels. */
interface Channels {
  title: string;
  side: number;
  pictures: ChannelPicture[];
}

/** A layer or a block in its place along the horizontal axis. */
interface ChartStep {
  id: string;
  block: string;
}

/** A configuration of an opened file, and why it can't be shown, if it can't. */
interface Choice {
  name: string;
  because: string;
}

/** What was opened need not be told any more. */
interface CloseAccount {
  close: true;
}

/** That code: a buffer for each file. */
interface Code {
  code: "plotly" | "graphviz" | "runner";
}

/** The design as text. */
interface CodeText {
  kind: string;
  text: string;
  problem: string;
  note: string;
  changed: number[];
  cut: number[];
  first: number | null;
  blocks: Record<string, number[]>;
}

/** The position is to be in this column; None where the field is empty. */
interface Column {
  column: number | null;
}

/** Another configuration of the opened file is to be shown. */
interface Configure {
  configure: string;
}

/** A lesson that can be begun. */
interface CourseEntry {
  number: number;
  title: string;
  note: string;
}

/** How something changed as the network learnt. */
interface Curve {
  name: string;
  unit: string;
  about: string;
  points: CurvePoint[];
  now: string;
  highest: number | null;
  beside: CurveBeside[];
}

/** Another curve of the same, drawn beside it. */
interface CurveBeside {
  name: "A" | "B";
  points: CurvePoint[];
  now: string;
}

/** A value after so many steps. */
interface CurvePoint {
  step: number;
  value: number;
}

/** A block is to be edited. */
interface Edit {
  edit: string;
}

/** A button that opens the controls of a block. */
interface EditButton {
  edit: string;
  kind: "edit";
}

/** A line of what is known. */
interface Fact {
  name: string;
  value: string;
  note: string;
}

/** Names, each with a value, and a note on it. */
interface Facts {
  facts: Fact[];
  kind: "facts";
}

/** The browser is to say what a position of a layer's output looks at, by the gradient. */
interface FieldHere {
  number: number;
  program: Program;
  seed: number;
  place: number;
  position: number[];
  signs: number[];
  center: number[];
  ramp: string[];
  decades: number;
  opacity: number[];
}

/** A line of text beneath the controls, and the changes that it offers. */
interface FieldLine {
  text: string;
  mark: "good" | "bad" | "busy" | "";
  offers: Offer[];
}

/** A figure of the whole network. */
interface Figure {
  name: string;
  value: string;
  change: string;
  beside_a: string;
  text: string;
  opens: string;
  unsettled: boolean;
}

/** A kind of file that a design can be saved as. */
interface FileKind {
  kind: string;
  label: string;
  has_weights: boolean;
}

/** A part of a file that the user chose, which is the one buffer; of no parts: none. */
interface FilePart {
  name: string;
  part: number;
  parts: number;
}

/** A block's output. */
interface FilmFrame {
  id: string;
  title: string;
  name: string;
  tag: string;
  lines: string[];
  png: DataView<ArrayBuffer>;
  side: number;
}

/** Blocks of one role that follow each other. */
interface FilmGroup {
  title: string;
  role: string;
  frames: FilmFrame[];
}

/** The layer so many steps further is sought that has a text. */
interface Find {
  find: string;
  step: number;
}

/** Parts beneath a line that shows and hides them. */
interface Fold {
  title: string;
  note: string;
  parts: Part[];
  name: string;
  kind: "fold";
}

/** What it looks at; the buffer is the picture of it, if there is a gradient. */
interface FoundHere {
  number: number;
  half: number | null;
  most: number;
}

/** A network that was found: its number in the space, a cell for each head, and more of it. */
interface FoundRow {
  number: number;
  cells: string[];
  is_shown: boolean;
}

/** An answer is given; where something is clicked or built, that is what is on screen. */
interface GiveAnswer {
  give: string;
}

/** The step so many further is to be shown. */
interface GoBy {
  by: number;
}

/** The answers that were kept are to be gone on with. */
interface GoOn {
  go_on: true;
}

/** A step is to be shown. */
interface GoTo {
  to: number;
}

/** Another step is to be shown. */
interface GoToStep {
  step: number;
}

/** A value, how it is written, and its place among the colours, from 0 to 1. */
interface GridColour {
  text: string;
  place: number;
}

/** A grid whose cells have the colours of their values. */
interface GridPicture {
  title: string;
  text: string;
  rows: number[][];
  texts: string[][];
  legend: GridColour[];
  unit: string;
  ramp: string[];
  row_names: string[];
}

/** The head of a column; of numbers, which are aligned at their ends, or of words. */
interface Head {
  text: string;
  is_numeric: boolean;
  button: MoveButton | null;
}

/** A picture that is not learnt from, and its true answer. */
interface HeldOutPicture {
  image: DataView<ArrayBuffer>;
  truth: DataView<ArrayBuffer>;
}

/** So many of a hundred objects are to be held; None where the field is empty. */
interface HoldShare {
  hold_percent: number | null;
}

/** Something in the drawing that can be selected: a card, or a row of the list in it. */
interface Item {
  id: string;
  text: string;
  feeds: number[];
  parent: string;
  is_fold: boolean;
}

/** A list, each of whose items are words and buttons among them. */
interface Items {
  items: Run[][];
  mark: "" | "muted";
  kind: "items";
}

/** The answers are to be written to the notebook's folder, to go on with them another day. */
interface KeepOutcome {
  keep: true;
}

/** The page laid out such a drawing: as SVG; empty if it could not. */
interface LaidOutDrawing {
  laid_out: string;
  ending: "svg" | "pdf" | "png";
}

/** A quantity that has a column. */
interface LayerQuantity {
  name: string;
  title: string;
  unit: "count" | "bytes" | "seconds";
  in_full: boolean;
  prefix: string;
  is_measured: boolean;
}

/** A layer's figures; None is unknown. */
interface LayerRow {
  id: string;
  block: string;
  name: string;
  kind: string;
  shape: number[];
  stride: number | number[] | null;
  receptive_field: number[] | null;
  figures: Record<string, number | null>;
}

/** The sum of what is known, and whether that is all. */
interface LayerTotal {
  sum: number | null;
  is_all: boolean;
}

/** Whether the page lays drawings out by itself. */
interface LaysOut {
  lays_out: boolean;
}

/** The list of lessons is wanted. */
interface LeaveLesson {
  leave: true;
}

/** A step of a lesson. */
interface LessonPage {
  title: string;
  place: number;
  marks: ("" | "asked" | "right" | "wrong")[];
  heading: string;
  text: string[];
  points_at: string;
  question: LessonQuestion | null;
  sliding: Sliding | null;
  pictures: GridPicture[];
  can_save: boolean;
  can_keep: boolean;
  offer: string;
  note: string;
  kept_as: string;
  kept: string;
}

/** What is asked. */
interface LessonQuestion {
  prompt: string;
  takes: "number" | "choice" | "click" | "build";
  choices: string[];
  unit: string;
  selected: string;
  limits: Limit[];
  given: string;
  verdict: "" | "right" | "wrong";
  reason: string;
  solution: string;
  pictures: GridPicture[];
  problem: string;
}

/** What a network that is to be built has to keep to, and whether the one on screen does. */
interface Limit {
  text: string;
  is_met: boolean;
}

/** What is said of a state. */
interface Line {
  text: string;
  mark: "good" | "bad" | "busy" | "reason" | "muted" | "heading";
  detail: string;
  code: string;
  kind: "line";
}

/** A button that selects something. */
interface Link {
  text: string;
  select: string;
  kind: "link";
}

/** The browser is to show what layers make of a picture. */
interface LookHere {
  number: number;
  program: Program;
  seed: number;
  strip: number[];
  selected: number;
  most: number;
  side: number;
}

/** What layers made of it; the buffers are PNGs, of the strip and then of the channels. */
interface LookedHere {
  number: number;
  strip: ValueRange[];
  channels: ChannelStrength[];
}

/** What kinds of work take on this machine's device is to be measured, so that times are known. */
interface MeasureDevice {
  measure_device: boolean;
}

/** A figure that was measured, beside how. */
interface Measured {
  card: Card;
  facts: Fact[];
  kind: "measured";
}

/** These measures are to be small. */
interface Minimise {
  minimise: string;
  and_then: string;
}

/** An update did not reach the plot. */
interface Missed {
  missed: number;
}

/** The position is to move by so many rows and columns of the layer's output. */
interface Move {
  rows: number;
  columns: number;
}

/** A button that makes a change. */
interface MoveButton {
  move: string;
  text: string;
  title: string;
  kind: "move";
}

/** More or less is to be written of each block, as the user comes nearer to the drawing. */
interface Nearer {
  detail: "outline" | "blocks" | "layers";
}

/** A network could not be run. */
interface NotRunHere {
  number: number;
  problem: string;
}

/** What the user gave as an object's box; None where a field is empty. */
interface ObjectBox {
  top: number | null;
  left: number | null;
  height: number | null;
  width: number | null;
}

/** Objects that a receptive field is to hold. */
interface ObjectsRow {
  percent: string;
  sizes: string;
  told: string;
  problem: string;
}

/** A change of the design that a button makes, and what it leads to and costs. */
interface Offer {
  words: string;
  cost: string;
}

/** What stands behind a figure is to be shown: the tab of this title. */
interface OpenFigure {
  open: string;
}

/** A lesson is wanted, from what explains a term. */
interface OpenLesson {
  open_lesson: number;
}

/** The controls of a block with own settings are wanted. */
interface OpenOwn {
  open: string;
}

/** A link, or what a file says, is to be opened. */
interface OpenText {
  open_text: string;
}

/** A block that is an exception on its family. */
interface OwnSettings {
  name: string;
  text: string;
  rests: boolean;
}

/** Words, and buttons among them. */
interface Paragraph {
  runs: Run[];
  mark: "" | "muted" | "legend";
  kind: "paragraph";
}

type Part = Line | Paragraph | Items | Facts | Table | Measured | Pictures | Section | Fold;

/** A small picture. */
interface Picture {
  caption: string;
  png: DataView<ArrayBuffer>;
}

/** A picture, and what became of it. */
interface Pictures {
  image: Picture;
  results: Picture[];
  kind: "pictures";
}

/** A place in the picture, as parts of its height and width. */
interface Point {
  y: number;
  x: number;
}

/** A pixel of a layer's output. */
interface Position {
  row: number;
  column: number;
}

/** A network, step by step. */
interface Program {
  steps: Step[];
  outputs: number[];
}

/** A number that an opened file leaves open, and what it is called. */
interface Question {
  name: string;
  label: string;
}

/** A network was run; the buffers are its input and the channels, as PNGs. */
interface RanHere {
  number: number;
  times: number[];
  first: number;
  warmups: number;
  backend: string;
  device: string;
  version: string;
  channels: number[];
}

/** A part of the picture, and what surrounds it. */
interface Rectangle {
  top: number;
  left: number;
  height: number;
  width: number;
}

/** A row is to be taken away. */
interface RemoveBudget {
  remove_budget: number;
}

/** A block's own settings are to be given up. */
interface RemoveOwn {
  remove: string;
}

/** The answers that the page kept are to be gone on with, as a file holds them. */
interface Restore {
  restore: string;
}

/** A pane is to be seen, if it is hidden, and the part of it that has this class, if any. */
interface Reveal {
  reveal: "controls" | "side";
  part: string;
}

/** The position is to be in this row; None where the field is empty. */
interface Row {
  row: number | null;
}

type Run = Words | Link | EditButton | TimeButton | MoveButton | Swatch;

/** A network that the browser is to run. */
interface RunHere {
  number: number;
  program: Program;
  batch: number;
  limit: number;
}

/** The drawing is wanted as a file. */
interface Save {
  save: "svg" | "pdf" | "png" | "dot";
}

/** The design is wanted as a file of this kind. */
interface SaveAs {
  save_as: string;
}

/** What was found is wanted as a file. */
interface SaveFound {
  save_found: "csv" | "json";
}

/** The answers are to be saved. */
interface SaveOutcome {
  save_outcome: true;
}

/** A file to be saved, whose content is the one buffer. */
interface SavedFile {
  file: string;
  type: string;
}

/** An SVG, the one buffer, to be saved as a picture of so many dots per inch. */
interface SavedPicture {
  picture: string;
  dpi: number;
}

/** Parts beneath a heading. */
interface Section {
  title: string;
  parts: Part[];
  kind: "section";
}

/** The user selected something; nothing if it is empty. */
interface Select {
  select: string;
}

/** A row is to have this limit and this amount. */
interface SetBudget {
  budget: number;
  limit: "at least" | "at most";
  amount: string;
}

/** Images of this size are to be searched for, and shown; None where a field is empty. */
interface SetImage {
  image_height: number | null;
  image_width: number | null;
}

/** An object's box was drawn, or is to be taken away. */
interface SetObject {
  object: ObjectBox | null;
}

/** Objects have these sizes. */
interface SetSizes {
  object_sizes: string;
}

/** The link to what is on screen is wanted, and the kinds of files that it can be saved as. */
interface Share {
  share: true;
}

/** The design of the step is wanted on screen again. */
interface ShowAgain {
  again: true;
}

/** A height and a width. */
interface Size {
  height: number;
  width: number;
}

/** A layer at work on one channel, position by position. */
interface Sliding {
  title: string;
  note: string;
  values: number[][];
  kernel: number[][];
  height: number;
  width: number;
  steps: SlidingStep[];
  padding: Border;
  padding_text: string;
  cut: Border;
}

/** A cell of a grid. */
interface SlidingCell {
  row: number;
  column: number;
  note: string;
}

/** What a layer does at one position. */
interface SlidingStep {
  reads: SlidingCell[];
  writes: SlidingWrite[];
  text: string;
}

/** A cell of the output that gets a number. */
interface SlidingWrite {
  cell: SlidingCell;
  value: number;
  text: string;
}

/** The search is to begin. */
interface StartSearch {
  start_search: true;
}

/** A layer, in its turn. */
interface Step {
  name: string;
  kind: string;
  inputs: number[];
  shape: number[];
  settings: Record<string, unknown>;
  weights: number[][];
  calls: number;
}

/** What the network says of those pictures after a step, and what A says beside it. */
interface StepAnswers {
  own: DataView<ArrayBuffer>[];
  of_a: DataView<ArrayBuffer>[];
}

/** What the next steps of a parameter would do. */
interface Steps {
  of: string;
  words: string[];
}

/** What the next steps of a parameter would do is wanted; of none if it is empty. */
interface StepsOf {
  steps_of: string;
}

/** It is to stop, and what it found is kept. */
interface StopSearch {
  stop_search: true;
}

/** A layer or a block. */
interface StripStep {
  id: string;
  block: string;
  text: string;
  colour: string;
  height: number;
  channels: number;
  total: number;
  held: number;
}

/** A colour, with what it stands for. */
interface Swatch {
  text: string;
  colour: string;
  frame: string;
  kind: "swatch";
}

/** A table, whose first column says what its rows are about. */
interface Table {
  caption: string;
  heads: Head[];
  rows: TableRow[];
  kind: "table";
}

/** A row: what it is about, its other cells, and whether it stands out (None: neither). */
interface TableRow {
  name: string;
  cells: string[];
  differs: boolean | null;
}

/** A network that was found is to be shown. */
interface TakeFound {
  take: number;
}

/** The user chose one of the changes that are offered to be tried, by its words. */
interface TakeMove {
  move: string;
}

/** The user chose one of the remedies that are offered, by its words. */
interface TakeRemedy {
  remedy: string;
}

/** The question is wanted once more, with other numbers. */
interface TakeVariant {
  variant: true;
}

/** A term, explained: see `explorer.core.words.glossary.Entry`. */
interface Term {
  term: string;
  meaning: string;
  spellings: string[];
  picture: "" | "add" | "channels" | "concatenate" | "dilation" | "encoder and decoder" | "field" | "interpolation" | "padding" | "pooling" | "residual" | "skip" | "stride" | "transposed" | "window";
  lesson: number | null;
  source: string;
}

/** A button that has every layer timed. */
interface TimeButton {
  kind: "time";
}

/** Every layer is to be timed. */
interface TimeLayers {
  time: true;
}

/** The page is to lay out the drawing in the one buffer, which is to be saved. */
interface ToLayOut {
  lay_out_for: "svg" | "pdf" | "png";
}

/** A card is to be shown in more or less detail. */
interface Toggle {
  toggle: string;
}

/** Values of a layer's output; None: it is not finite. */
interface ValueRange {
  lowest: number | null;
  highest: number | null;
  mean: number | null;
}

/** A parameter that a search may vary. */
interface VariableRow {
  name: string;
  label: string;
  doc: string;
  values: string;
  is_on: boolean;
  is_free: boolean;
  comes_first: boolean;
  problem: string;
}

/** A parameter is to be varied or not, over these values. */
interface Vary {
  vary: string;
  on: boolean;
  values: string;
}

/** The page lacks the code that draws charts, lays drawings out, or runs networks. */
interface WantsCode {
  wants: "plotly" | "graphviz" | "runner";
}

/** Some words, and how they stand out. */
interface Words {
  text: string;
  mark: "" | "strong" | "muted";
  kind: "words";
}

/** The design is to be shown as text of another kind. */
interface WriteAs {
  write_as: string;
}
