"""The home: what it takes, what it may take, collecting, copies of it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from mlops_tui.verbs._declare import Input, Natural, Output, Reason, Verb, arg, opt
from mlops_tui.verbs._shapes import Run

SpaceState = Literal["ok", "low", "over", "full"]
"""low: the disk has little left; over: the home takes more than its budget; full: nothing new is started."""


class HomeShow(Input, kw_only=True):
    pass


class HomeClass(Output, kw_only=True):
    """What one kind of files takes on the disk."""

    name: str
    files: int
    bytes: int


class HomeCounts(Output, kw_only=True):
    projects: int = 0
    runs: int = 0
    live: int = 0
    archived: int = 0
    deleted: int = 0
    models: int = 0
    versions: int = 0
    data_versions: int = 0


class HomeBudget(Output, kw_only=True):
    """Bytes. `budget`: what the home may take, null for no limit; `cache`: what kept stages may take; below `warn` free bytes everyone is told,
    below `floor` nothing new is started."""

    budget: int | None = None
    cache: int = 10_000_000_000
    warn: int = 2_000_000_000
    floor: int = 200_000_000


class HomeReport(Output, kw_only=True):
    """`bytes` is the sum of the classes; `free` and `total` are the disk's."""

    path: str
    id: str
    state: SpaceState
    bytes: int
    free: int
    total: int
    settings: HomeBudget
    classes: list[HomeClass]
    counts: HomeCounts


class HomeBudgetSet(Input, kw_only=True):
    budget: Annotated[
        int | None, arg("what the home may take, such as 200GB; 0 for no limit", kind="size", metavar="SIZE")
    ] = None
    cache: Annotated[int | None, opt("what the kept stages may take", kind="size")] = None
    warn: Annotated[int | None, opt("tell everyone when less than this is free on the disk", kind="size")] = (
        None
    )
    floor: Annotated[int | None, opt("start nothing new when less than this is free", kind="size")] = None
    reason: Reason = ""


class HomeGc(Input, kw_only=True):
    keep_days: Annotated[
        Natural, Meta(le=36_500), opt("what is in the trash stays there this long", metavar="DAYS")
    ] = 30
    log_days: Annotated[
        Natural, Meta(le=36_500), opt("logs of ended runs stay this long", metavar="DAYS")
    ] = 180
    grace: Annotated[Natural, opt("leave alone what was used this recently", kind="duration")] = 86_400_000
    budget: Annotated[
        int | None,
        opt("shrink the cache until the home takes no more than this; default: its budget", kind="size"),
    ] = None
    reason: Reason = ""


class HomeRestore(Input, kw_only=True):
    run_id: Annotated[str, arg("the run of kind gc that took things away", metavar="RUN")]
    reason: Reason = ""


class HomeRestored(Output, kw_only=True):
    """What came back from the trash."""

    run_id: str
    objects: int
    logs: int


class HomeExport(Input, kw_only=True):
    target: Annotated[str, arg("a folder, or a new file that ends in .tar", kind="path", metavar="TARGET")]
    runs: Annotated[list[str], opt("only this run; repeatable", "--run", metavar="RUN")] = []
    model: Annotated[str | None, opt("only this model: its versions, the runs that made them, the data they were trained on")] = None  # fmt: skip


class HomeBackup(Input, kw_only=True):
    target: Annotated[str, arg("a folder: new, or that of an earlier backup", kind="path", metavar="DIR")]


class HomeWritten(Output, kw_only=True):
    """A bundle that was written. `reused` files were in it already; `problems` could not be read, or are damaged in the home."""

    path: str
    what: str
    entries: int
    runs: int
    files: int
    bytes: int
    reused: int = 0
    seconds: float = 0.0
    problems: list[str] = []
    ok: bool = True


class HomeImport(Input, kw_only=True):
    source: Annotated[str, arg("a bundle: a folder or a .tar file", kind="path", metavar="SOURCE")]
    dry_run: Annotated[bool, opt("only say what would be taken over")] = False


class HomeImported(Output, kw_only=True):
    """What was taken over: entries that took effect, entries that are only recorded, and what was here before. `unfinished` runs were under way
    when the bundle was made; `restored`: the home was empty, and now is the one of the bundle."""

    applied: int = 0
    recorded: int = 0
    known: int = 0
    left: int = 0
    runs: int = 0
    runs_known: int = 0
    objects: int = 0
    data: int = 0
    unfinished: list[str] = []
    conflicts: list[str] = []
    projects: list[str] = []
    restored: bool = False
    dry_run: bool = False


VERBS = [
    Verb("home", "show", HomeShow, HomeReport, "Show where the home is, what it takes and what it holds."),
    Verb("home", "budget", HomeBudgetSet, HomeBudget, "Say how much the home may take.",
         help="A budget warns, it stops nothing: `doctor`, `home show` and [notify] tell when the home is over it or the disk is nearly full. "
         "Below --floor nothing new is started, and what runs goes on.",
         example="mlops-tui home budget 200GB --cache 20GB", writes=True, plans=True),
    Verb("home", "gc", HomeGc, Run, "Collect what nobody needs any more.",
         help="In a process of its own, beside whatever runs: objects that nothing names, kept stages beyond their room, logs of long ago, code "
         "copies that objects hold, the trash of 30 days ago, beginnings of dead writers. Never what the ledger names: every registered "
         "version, its code and its evidence. --dry-run says what and how much.",
         example="mlops-tui home gc --dry-run", writes=True, danger=True, plans=True, waits="option"),
    Verb("home", "restore", HomeRestore, HomeRestored, "Undo a collection: take its objects and logs out of the trash.",
         example="mlops-tui home restore 0192f", writes=True, plans=True),
    Verb("home", "export", HomeExport, HomeWritten, "Write part or all of the home as plain files.",
         help="--project NAME, --model and --run choose; without them it is everything. While everything runs: what it holds is a consistent state: the ledger up to a moment, and what its entries name.",
         example="mlops-tui home export late.tar --model late-departure", local=True, service=False),
    Verb("home", "import", HomeImport, HomeImported, "Take over what was exported or backed up.",
         help="Into an empty home, a backup becomes that home again, with its ids. Into any other it is merged: what is here already is "
         "nothing, and importing twice changes nothing. Where this home has decided otherwise, its own decision holds, and the other is "
         "recorded in the ledger with its origin.",
         example="mlops-tui home import late.tar", local=True, writes=True, danger=True),
    Verb("home", "backup", HomeBackup, HomeWritten, "Bring a copy of the whole home up to date.",
         help="While everything runs; only what has changed since the last backup into this folder is copied.",
         example="mlops-tui home backup /mnt/backup/mlops", local=True, service=False),
]  # fmt: skip
