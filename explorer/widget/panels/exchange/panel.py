"""The design as a link and as files, and designs from both."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import traitlets

from explorer.core.asking.ask import Ask, Failure
from explorer.core.asking.questions import ReadFile, SaveFile
from explorer.core.formatting import byte_size, printable
from explorer.core.guard import guarded
from explorer.core.network.errors import problem_text
from explorer.widget.front.files import Parts
from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget, shared
from explorer.widget.messages import (
    Answer,
    Choice,
    CloseAccount,
    Configure,
    FileKind,
    FilePart,
    OpenText,
    Question,
    SaveAs,
    SavedFile,
    Share,
)
from explorer.widget.parts import Line, Part
from explorer.worker import shared_worker

if TYPE_CHECKING:
    from explorer.core.analysis.design import Design
    from explorer.core.asking.keras_file import KerasFile
    from explorer.core.exchange.links import SharedDesign
    from explorer.core.exchange.loaded import Loaded, LoadedThere
    from explorer.widget.panels.exchange.opening import Opened


class Exchange(FrontWidget):
    """Two buttons, each with what it opens: to save and share the design, and to open another one.

    Attributes:
        link: The link to what is on screen.
        about_link: Why there is none.
        kinds: What the design can be saved as.
        problem: Why something could not be saved or opened.
        account: What became of each field of what was opened last.
        questions: What that leaves open.
        configuration: Which of its configurations was read.
        configurations: All of them, if there are several.
        saving: What became of the last file that the Keras process was asked for.
        reading: What is being read by it.
    """

    _esm = module(Path(__file__).with_name("panel.js"), "parts", "files", "clipboard")
    _css = Path(__file__).with_name("panel.css")
    sends = Share | SaveAs | OpenText | FilePart | Answer | Configure | CloseAccount
    gets = SavedFile

    link: Any = traitlets.Unicode().tag(sync=True)
    about_link: Any = traitlets.Unicode().tag(sync=True)
    kinds = shared(tuple[FileKind, ...], ())
    problem: Any = traitlets.Unicode().tag(sync=True)
    account = shared(tuple[Part, ...], ())
    questions = shared(tuple[Question, ...], ())
    configuration: Any = traitlets.Unicode().tag(sync=True)
    configurations = shared(tuple[Choice, ...], ())
    saving = shared(tuple[Line, ...], ())
    reading = shared(tuple[Line, ...], ())

    def __init__(
        self,
        on_screen: Callable[[], "SharedDesign"],
        show: Callable[["Opened", str], None],
        alert: Callable[[str], None],
        lock: AbstractContextManager[Any],
        **options: Any,
    ) -> None:
        """Begin with nothing shared and nothing opened.

        Args:
            on_screen: Returns what is on screen.
            show: Shows what was opened, as a step of this name.
            alert: Shows the text of an unforeseen error.
            lock: The lock under which the screen changes.
            **options: Of the widget.
        """
        super().__init__(**options)
        self._on_screen = on_screen
        self._show = show
        self._alert = alert
        self._parts = Parts()
        # A file is of the design that was on screen when the user asked for it, so edits don't
        # overtake it.
        self._asking: Ask[str] = Ask(
            shared_worker,
            lock,
            alert,
            "Saving again starts it again, with random weights.",
            counts=lambda _: True,
        )
        self._reading: Ask[str] = Ask(
            shared_worker, lock, alert, "Opening the file again starts it again."
        )
        # What was opened last, and what the user said of it, while that is told.
        self._source: tuple[str, bytes, Mapping[str, Any]] = "", b"", {}
        self._opened: Opened | None = None
        self._name = ""
        self.on_sent(self._received)

    def refuse(self, problem: str) -> None:
        """Say why what was asked for outside could not be opened, beside what opens another one."""
        self.problem = printable(problem)

    def drop_requests(self) -> None:
        """Drop what was asked of Keras."""
        self._asking.close()
        self._reading.close()

    @guarded
    def _received(
        self,
        message: Share | SaveAs | OpenText | FilePart | Answer | Configure | CloseAccount,
        buffers: Sequence[memoryview],
    ) -> None:
        match message:
            case Share():
                self._share()
            case SaveAs():
                self._attempt(self._save, message.save_as)
            case OpenText():
                from explorer.widget.panels.exchange.opening import TEXT

                self._open(TEXT, message.open_text.encode(errors="replace"), {})
            case FilePart():
                if (whole := self._parts.take(message, buffers)) is not None:
                    self._open(message.name, whole, {})
            case Answer():
                self._open_again(message.answers)
            case Configure():
                self._open_again({"configuration": message.configure})
            case CloseAccount():
                self._source = "", b"", {}
                self._reading.drop()
                with self.hold_sync():
                    self.reading = ()
                    self.account, self.questions, self.problem = (), (), ""
                    self.configuration, self.configurations = "", ()

    @property
    def _loaded(self) -> "Loaded | None":
        """What was opened last, if what is on screen is of the same class still."""
        if self._opened is None:
            return None
        loaded, present = self._opened.loaded, self._on_screen().architecture
        return loaded if type(loaded.architecture) is type(present) else None

    def _share(self) -> None:
        from explorer.core.exchange.links import to_link
        from explorer.widget.panels.exchange.saving import kinds

        link = about = ""
        try:
            link = to_link(self._on_screen())
        except ValueError as error:
            about = problem_text(error)
        with self.hold_sync():
            self.kinds = kinds(self._loaded, self._name)
            self.link, self.about_link, self.problem = link, about, ""
            self.saving = tuple(line for line in self.saving if line.mark != "good")

    def _save(self, kind: str) -> None:
        from explorer.core.exchange.exporting import WITH_WEIGHTS
        from explorer.widget.panels.exchange.saving import saved

        on_screen = self._on_screen()
        if kind in WITH_WEIGHTS:
            self._save_with_weights(on_screen.design, kind)
            return
        name, content = saved(on_screen, kind, self._loaded)
        self.send_message(SavedFile(name, "text/plain;charset=utf-8"), [content])

    def _save_with_weights(self, design: "Design", kind: str) -> None:
        from explorer.widget.panels.exchange.saving import file_name

        if self._asking.is_under_way:
            return  # the buttons rest meanwhile
        name = file_name(design, kind)
        self.saving = (Line(self._asking.outlook(f"Saving {name} …"), "busy"),)
        question = SaveFile(design.architecture, design.input.shape, kind)
        self._asking.submit(name, question, partial(self._saved, name), self._not_saved)

    def _saved(self, name: str, file: "KerasFile") -> None:
        self.send_message(SavedFile(name, "application/octet-stream"), [file.content])
        size = byte_size(len(file.content))
        self.saving = (Line(f"{name}: {size}", "good", f"weights: {file.weights}"),)

    def _not_saved(self, failure: Failure) -> None:
        self.saving = (Line(printable(failure.text), "bad"),)

    def _attempt(self, act: Callable[..., None], *args: Any) -> None:
        """Do something, or say why that can't be done."""
        self.problem = ""
        try:
            act(*args)
        except Exception as error:  # a class that the user wrote can raise anything
            self.problem = printable(problem_text(error))

    def _open(self, name: str, content: bytes, answers: Mapping[str, Any]) -> None:
        """Open a file, in place of one that is still being read."""
        from explorer.core.exchange.loading import is_model

        self._reading.drop()
        self.reading = ()
        open_ = self._ask_worker if is_model(name, content) else self._open_here
        self._attempt(open_, name, content, answers)

    def _open_again(self, more: Mapping[str, Any]) -> None:
        """Open what was opened last with further answers."""
        name, content, answers = self._source
        if content:  # else it was closed meanwhile, in another view
            self._open(name, content, {**answers, **more})

    def _open_here(self, name: str, content: bytes, answers: Mapping[str, Any]) -> None:
        from explorer.widget.panels.exchange.opening import opened

        self._show_opened(opened(name, content, answers, self._on_screen()), name, content, answers)

    def _ask_worker(self, name: str, content: bytes, answers: Mapping[str, Any]) -> None:
        from explorer.widget.panels.exchange.opening import TEXT, as_file

        folder, path = as_file(name, content)
        about = f"Reading {printable(name)} …"
        self.reading = (Line(about, "busy", self._reading.outlook("")),)
        question = ReadFile(str(path), tuple(answers.items()), is_pasted=name == TEXT)
        come = partial(self._was_read, folder, name, content, answers)
        self._reading.submit(name, question, come, self._not_read)

    def _was_read(
        self,
        folder: object,
        name: str,
        content: bytes,
        answers: Mapping[str, Any],
        read: "LoadedThere",
    ) -> None:
        from explorer.widget.panels.exchange.opening import of_loaded

        def show() -> None:
            found = of_loaded(read.here(folder), self._on_screen())
            self._show_opened(found, name, content, answers)

        self.reading = ()
        self._attempt(show)

    def _not_read(self, failure: Failure) -> None:
        self.reading = ()
        self.problem = printable(failure.text)

    def _show_opened(
        self, found: "Opened", name: str, content: bytes, answers: Mapping[str, Any]
    ) -> None:
        from explorer.widget.panels.exchange.opening import with_edits
        from explorer.widget.panels.exchange.page import account, choices, questions

        present = self._on_screen()
        before, loaded = self._opened, found.loaded
        if (
            answers
            and before
            and before.loaded.configuration == loaded.configuration
            and present.architecture != before.design.architecture
        ):
            found = with_edits(found, present.design)
        step = f"opened {printable(name)}"
        if "configuration" in answers:
            step += f", {printable(loaded.configuration)}"
        self._show(found, step)
        self._source = name, content, answers
        self._opened, self._name = found, printable(name)
        with self.hold_sync():
            self.account = account(found)
            self.questions = questions(loaded.missing)
            self.configuration, self.configurations = loaded.configuration, choices(loaded)
