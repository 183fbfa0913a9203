// What goes to and comes from the kernel: for each widget's class the traits that it shares with its
// view, in an interface of the class' name and "State", and the messages that the view sends it.
// `tests/widget/front/test_messages.py` holds the traits against the Python classes.

/** What tells of changes of traits. */
interface Listened<State> {
  on(event: ModelEvent<State>, listener: () => void): void;
  off(event: ModelEvent<State>, listener: () => void): void;
}

/** The model of a view, as anywidget gives it. */
interface Model<State, Message = never, Received = never> {
  get<Name extends keyof State>(name: Name): State[Name];
  set<Name extends keyof State>(name: Name, value: State[Name]): void;
  save_changes(): void;
  send(message: Message, callbacks?: undefined, buffers?: ArrayBuffer[]): void;
  on(event: ModelEvent<State>, listener: () => void): void;
  on(event: "msg:custom", listener: (message: Received, buffers: DataView<ArrayBuffer>[]) => void): void;
  off(event: ModelEvent<State>, listener: () => void): void;
  off(event: "msg:custom", listener: (message: Received, buffers: DataView<ArrayBuffer>[]) => void): void;
}

/** "change" comes once all traits of a message are set. */
type ModelEvent<State> = "change" | `change:${keyof State & string}`;

/** What anywidget calls `render` with. */
interface View<State, Message = never, Received = never> {
  model: Model<State, Message, Received>;
  el: HTMLElement;
}

// The charts' frame.

interface FrameState {
  drawing: number;
}

interface FrameMessage {
  missed: number;
}

// The comparison.

interface TablesState {
  html: string;
  label: string;
}

// The diagram.

interface CanvasState {
  svg: string;
  places: Record<string, string>;
  items: DiagramItem[];
  selected: string;
  shown: string;
  changed: string[];
  found: string;
}

interface DiagramItem {
  id: string;
  text: string;
  /** Places of the items that it feeds. */
  feeds: number[];
  parent: string;
}

type CanvasMessage =
  | { select: string }
  | { toggle: string }
  | { find: string; step: number }
  | { save: string };

/** A file to be saved, whose content is the one buffer. */
interface CanvasReceived {
  file: string;
  type: string;
}

// The feature maps.

interface FilmState {
  groups: FilmGroup[];
  note: string;
  channels: Partial<FilmChannels>;
  selected: string;
  film_is_old: boolean;
  channels_are_old: boolean;
}

interface FilmGroup {
  title: string;
  role: string;
  frames: FilmFrame[];
}

interface FilmFrame {
  id: string;
  title: string;
  name: string;
  tag: string;
  lines: string[];
  png: DataView<ArrayBuffer>;
  side: number;
}

interface FilmChannels {
  title: string;
  side: number;
  pictures: { title: string; strength: string; png: DataView<ArrayBuffer> }[];
}

interface FilmMessage {
  select: string;
}

// The history.

interface HistoryViewState {
  steps: string[];
  position: number;
  refused: boolean;
}

type HistoryViewMessage = { to: number } | { by: number };

// The inspector.

interface InspectorState {
  heading: string;
  html: string;
  selected: string;
  running: boolean;
}

type InspectorMessage = { select: string } | { edit: string } | { time: string };

// The user's picture.

interface PictureUploadState {
  problem: string;
  is_own: boolean;
}

/** Comes with one buffer; no parts are the photograph. */
interface PictureUploadMessage {
  name: string;
  part: number;
  parts: number;
}

// The table of layers.

interface LayerTableState {
  quantities: LayerQuantity[];
  rows: LayerValue[][];
  ids: string[];
  totals: LayerTotal[];
  selected: string[];
}

interface LayerQuantity {
  label: string;
  title: string;
  unit: "count" | "bytes" | "seconds";
  inFull: boolean;
  prefix: string;
  isMeasured: boolean;
}

type LayerValue = string | number | number[] | null;

/** The sum of what is known, and whether that is all. */
type LayerTotal = [sum: number, isAll: boolean];

interface LayerTableMessage {
  select: string;
}

// The receptive field. Boxes are top, left, height and width, or empty.

interface ReceptiveFieldViewState {
  picture: DataView<ArrayBuffer>;
  size: number[];
  layer: string;
  grid: number[];
  position: number[];
  whole: number[];
  inside: number[];
  heat: DataView<ArrayBuffer>;
  most: number[];
  object: number[];
  effective: boolean;
  lines: [text: string, mark: string][];
  ramp: string[];
}

type ReceptiveFieldViewMessage =
  | { at: [y: number, x: number] }
  | { move: number[] }
  | { row: number | null }
  | { column: number | null }
  | { object: (number | null)[] | null };
