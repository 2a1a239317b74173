"""What must outlive a page reload and a restarted server: uploads by digest, measurements, tunings, links.

One SQLite file. A connection lives as long as one operation, so that any number of threads and processes may
use the same file; WAL lets them read while one writes. A file that is damaged is moved aside, because an app
that can't start for the sake of its history helps nobody.

| variable | default | meaning |
|---|---|---|
| `MLC_EXPLORER_HOME` | `mlc-explorer` in `$XDG_DATA_HOME`, else in `~/.local/share` | the store's folder |
| `MLC_EXPLORER_UPLOAD_MIB` | 200 | the largest upload (the workers' settings have it too) |
| `MLC_EXPLORER_STORE_MIB` | 4096 | what all uploads may take together |
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from .errors import BadModel, BadTrace, MlcError, NotFound
from .schema.codec import decode, encode
from .schema.report import Measurement
from .schema.trace import Trace
from .schema.tuning import Tuning, without_schedules

log = logging.getLogger(__name__)
T = TypeVar("T")
TuningKey = tuple[str, str, str]  # digest of the function, target, machine

FILE = "store.sqlite3"
_KEPT_SECONDS = 24 * 3600.0  # an upload used within this time is never removed to make room
_USED_STEP = 60.0  # how exactly the last use is known; reading should rarely write
_LINK_LIMIT = 1 << 20
_LINK_LENGTH = 10
_TUNINGS = 64  # candidates that are kept of one function
_TUNED = "function = ? AND target = ? AND machine = ?"
_VARIABLES = 500  # what SQLite takes in one IN (...) everywhere
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

# One entry a schema version: entry n brings a file from version n to n + 1. An entry that was released never
# changes.
_MIGRATIONS = (
    """
    CREATE TABLE upload (
        digest TEXT PRIMARY KEY, name TEXT NOT NULL, size INTEGER NOT NULL, used_at REAL NOT NULL);
    CREATE TABLE upload_data (
        digest TEXT PRIMARY KEY REFERENCES upload ON DELETE CASCADE, data BLOB NOT NULL);
    CREATE TABLE measurement (
        trace TEXT NOT NULL, function TEXT NOT NULL, target TEXT NOT NULL, machine TEXT NOT NULL,
        taken_at TEXT NOT NULL, data TEXT NOT NULL, PRIMARY KEY (trace, function, target, machine));
    CREATE TABLE link (id TEXT PRIMARY KEY, data TEXT NOT NULL, made_at REAL NOT NULL);
    """,
    """
    CREATE TABLE tuning (
        function TEXT NOT NULL, target TEXT NOT NULL, machine TEXT NOT NULL, candidate TEXT NOT NULL,
        ms REAL NOT NULL, PRIMARY KEY (function, target, machine, candidate));
    CREATE TABLE tuned (
        trace TEXT NOT NULL, function TEXT NOT NULL, target TEXT NOT NULL, data TEXT NOT NULL,
        PRIMARY KEY (trace, function, target));
    """,
)


class Store:
    """The store in the folder `home`; what is not given comes from the environment (see the module's table).

    `moved_aside` is where a damaged file went, if there was one.
    """

    def __init__(
        self, home: Path | str | None = None, upload_mib: int | None = None, store_mib: int | None = None
    ) -> None:
        self.home = Path(home or _home())
        self.path = self.home / FILE
        self.moved_aside: Path | None = None
        self._upload_limit = (upload_mib or _mib("MLC_EXPLORER_UPLOAD_MIB", 200)) << 20
        self._quota = (store_mib or _mib("MLC_EXPLORER_STORE_MIB", 4096)) << 20
        try:
            self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as e:
            raise _unusable(self.home, e) from e
        self._with(_prepare)

    # -- uploads ---------------------------------------------------------------------------------------

    def put(self, data: bytes, name: str) -> str:
        """Keeps a file; gives its reference (``sha256:…``). The same bytes are kept once, under the newer
        name.

        Raises BadModel if the file is larger than one may be, MlcError if there is no room for it.
        """
        if len(data) > self._upload_limit:
            raise _too_large(name, len(data), self._upload_limit)
        digest = hashlib.sha256(data).hexdigest()

        def write(db: sqlite3.Connection) -> None:
            db.execute("BEGIN IMMEDIATE")
            known = db.execute("SELECT 1 FROM upload WHERE digest = ?", (digest,)).fetchone()
            if not known:
                self._make_room(db, len(data))
            db.execute(
                "INSERT INTO upload VALUES (?, ?, ?, ?) "
                "ON CONFLICT (digest) DO UPDATE SET name = excluded.name, used_at = excluded.used_at",
                (digest, name, len(data), time.time()),
            )
            db.execute("INSERT OR IGNORE INTO upload_data VALUES (?, ?)", (digest, data))

        self._with(write)
        return f"sha256:{digest}"

    def get(self, reference: str) -> bytes:
        """The bytes of an upload; NotFound if it was never here, or was removed to make room."""

        def read(db: sqlite3.Connection) -> bytes | None:
            digest, now = _digest(reference), time.time()
            row = db.execute("SELECT data FROM upload_data WHERE digest = ?", (digest,)).fetchone()
            db.execute(
                "UPDATE upload SET used_at = ? WHERE digest = ? AND used_at < ?",
                (now, digest, now - _USED_STEP),
            )
            return row[0] if row else None

        data = self._with(read)
        if data is None:
            raise _no_upload(reference)
        return data

    def name(self, reference: str) -> str:
        """The file name that an upload came with; a short form of the reference if it is not here."""
        row = self._row("SELECT name FROM upload WHERE digest = ?", _digest(reference))
        return row[0] if row else f"{reference[:19]}…"

    def _make_room(self, db: sqlite3.Connection, size: int) -> None:
        """Removes uploads, the longest unused first, until `size` bytes more fit; none of the last day's."""
        taken = db.execute("SELECT coalesce(sum(size), 0) FROM upload").fetchone()[0]
        old = db.execute(
            "SELECT digest, size FROM upload WHERE used_at < ? ORDER BY used_at",
            (time.time() - _KEPT_SECONDS,),
        ).fetchall()
        for digest, freed in old:
            if taken + size <= self._quota:
                return
            db.execute("DELETE FROM upload WHERE digest = ?", (digest,))
            taken -= freed
        if taken + size > self._quota:
            raise _full(self._quota)

    # -- measurements ----------------------------------------------------------------------------------

    def save_measurement(self, trace: Trace, measurement: Measurement) -> None:
        """Keeps a measurement of a state, instead of an earlier one of its function, target and machine."""
        row = (
            trace.key(), measurement.function or "", measurement.target, measurement.machine,
            measurement.taken_at, json.dumps(encode(measurement)),
        )  # fmt: skip
        self._with(lambda db: db.execute("INSERT OR REPLACE INTO measurement VALUES (?, ?, ?, ?, ?, ?)", row))

    def measurements(
        self, traces: Iterable[Trace], function: str | None, target: str, machine: str | None = None
    ) -> dict[str, Measurement]:
        """The latest measurement of each state that has one, by `Trace.key`; `machine` None: of any
        machine."""
        return self.measurements_of([trace.key() for trace in traces], function, target, machine)

    def measurements_of(
        self, keys: Sequence[str], function: str | None, target: str, machine: str | None = None
    ) -> dict[str, Measurement]:
        """The same for states by their keys: `Trace.keys` gives those of a whole history at once."""

        def read(db: sqlite3.Connection) -> list[tuple[str, str]]:
            rows: list[tuple[str, str]] = []
            for start in range(0, len(keys), _VARIABLES):
                part = keys[start : start + _VARIABLES]
                rows += db.execute(
                    "SELECT trace, data FROM measurement "
                    f"WHERE trace IN ({', '.join('?' * len(part))}) AND function = ? AND target = ? "
                    "AND machine = coalesce(?, machine) ORDER BY taken_at",
                    (*part, function or "", target, machine),
                ).fetchall()
            return rows

        return {key: m for key, text in self._with(read) if (m := _decoded(Measurement, text)) is not None}

    # -- tunings ---------------------------------------------------------------------------------------

    def save_tuning(self, key: TuningKey, candidate: Mapping[str, Any], ms: float) -> None:
        """Keeps a candidate's time (see `schema.tuning`). Of one key the fastest stay."""
        fastest = f"SELECT candidate FROM tuning WHERE {_TUNED} ORDER BY ms LIMIT {_TUNINGS}"

        def write(db: sqlite3.Connection) -> None:
            row = (*key, json.dumps(candidate, sort_keys=True), ms)
            db.execute("INSERT OR REPLACE INTO tuning VALUES (?, ?, ?, ?, ?)", row)
            db.execute(f"DELETE FROM tuning WHERE {_TUNED} AND candidate NOT IN ({fastest})", (*key, *key))

        self._with(write)

    def tunings(self, key: TuningKey) -> list[dict[str, Any]]:
        """The candidates that are known for a function, the fastest first, each with its "ms"."""
        query = f"SELECT candidate, ms FROM tuning WHERE {_TUNED} ORDER BY ms"
        rows = self._with(lambda db: db.execute(query, key).fetchall())
        return [json.loads(text) | {"ms": ms} for text, ms in rows]

    def save_tuned(self, trace: Trace, found: Tuning) -> None:
        """Keeps what the last tuning of a function (or model) of `trace` found."""
        row = (*_tuned_key(trace, found.function, found.target), json.dumps(encode(found)))
        self._with(lambda db: db.execute("INSERT OR REPLACE INTO tuned VALUES (?, ?, ?, ?)", row))

    def tuned(self, trace: Trace, function: str | None, target: str) -> Tuning | None:
        """What the last tuning of `function` (None: the model) found, however it is scheduled in `trace`."""
        query = "SELECT data FROM tuned WHERE trace = ? AND function = ? AND target = ?"
        row = self._row(query, *_tuned_key(trace, function, target))
        return _decoded(Tuning, row[0]) if row else None

    # -- links -----------------------------------------------------------------------------------------

    def save_link(self, data: Any) -> str:
        """Keeps JSON data under a short name; equal data always gets the same one."""
        text = json.dumps(data, sort_keys=True, separators=(",", ":"))
        if len(text) > _LINK_LIMIT:
            raise BadTrace(
                "This trace is too long for a link.", hint="Export it as a file instead.", place="link",
                code="link_too_large",
            )  # fmt: skip
        digest = hashlib.sha256(text.encode()).hexdigest()

        def write(db: sqlite3.Connection) -> str:
            for length in range(_LINK_LENGTH, len(digest)):  # longer only if two texts begin alike
                name = digest[:length]
                db.execute("INSERT OR IGNORE INTO link VALUES (?, ?, ?)", (name, text, time.time()))
                if db.execute("SELECT data FROM link WHERE id = ?", (name,)).fetchone()[0] == text:
                    return name
            raise AssertionError("two texts of one SHA-256")

        return self._with(write)

    def link(self, name: str) -> Any:
        """What `save_link` was given; NotFound if this store has no such link."""
        row = self._row("SELECT data FROM link WHERE id = ?", name)
        if row is None:
            raise NotFound(
                f"There is no link '{name}' here.", hint="It may come from another server, or have been cut.",
                place="link", code="link_missing", params={"name": name},
            )  # fmt: skip
        return json.loads(row[0])

    # -- the file --------------------------------------------------------------------------------------

    def _row(self, query: str, *values: str) -> Any:
        return self._with(lambda db: db.execute(query, values).fetchone())

    def _with(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Does `work` in one transaction; once more on a new file, if this one turns out to be damaged."""
        try:
            try:
                return self._once(work)
            except sqlite3.DatabaseError as e:
                if getattr(e, "sqlite_errorcode", 0) & 0xFF not in _DAMAGED:
                    raise
                self._move_aside(e)
            self._once(_prepare)
            return self._once(work)
        except (OSError, sqlite3.Error) as e:
            raise _unusable(self.home, e) from e

    def _once(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with closing(sqlite3.connect(self.path, timeout=20.0, isolation_level=None)) as db:
            db.execute("PRAGMA foreign_keys = ON")
            db.execute("PRAGMA synchronous = NORMAL")
            try:
                result = work(db)
                if db.in_transaction:
                    db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
            return result

    def _move_aside(self, error: sqlite3.DatabaseError) -> None:
        with _only_one(self.home / f"{FILE}.lock"):
            try:
                self._once(_check)
                return  # another process has moved it already
            except sqlite3.DatabaseError:
                pass
            aside = self.path.with_name(f"{FILE}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
            for ending in ("", "-wal", "-shm"):
                part = Path(f"{self.path}{ending}")
                if part.exists():
                    part.rename(f"{aside}{ending}")
        self.moved_aside = aside
        log.warning("The store was damaged (%s). It was moved to %s; an empty one stands in.", error, aside)


def _home() -> Path:
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(os.environ.get("MLC_EXPLORER_HOME") or Path(data) / "mlc-explorer")


def _mib(variable: str, default: int) -> int:
    """A number from the environment; ValueError names the variable that holds none."""
    text = os.environ.get(variable, "")
    try:
        return int(text or default)
    except ValueError as e:
        raise ValueError(f"{variable}={text!r} is not a number") from e


def _prepare(db: sqlite3.Connection) -> None:
    """Brings the file to this program's version; raises MlcError if it is a later one's."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > len(_MIGRATIONS):
        raise MlcError(
            f"The store was written by a newer MLC Explorer (version {version}; this one reads "
            f"{len(_MIGRATIONS)}).",
            hint="Update MLC Explorer, or set MLC_EXPLORER_HOME to another folder.", place="store",
            code="store_newer", params={"found": version, "known": len(_MIGRATIONS)},
        )  # fmt: skip
    if version == len(_MIGRATIONS):
        return
    if version == 0:
        db.execute("PRAGMA auto_vacuum = FULL")  # what an eviction frees goes back to the disk
        db.execute("PRAGMA journal_mode = WAL")
    db.execute("BEGIN IMMEDIATE")
    version = db.execute("PRAGMA user_version").fetchone()[0]  # another process may have been quicker
    for script in _MIGRATIONS[version:]:
        for statement in filter(str.strip, script.split(";")):
            db.execute(statement)
    db.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")


def _check(db: sqlite3.Connection) -> None:
    found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise sqlite3.DatabaseError(found)


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Holds a lock that all processes on this store respect."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _digest(reference: str) -> str:
    return reference.removeprefix("sha256:")


def _tuned_key(trace: Trace, function: str | None, target: str) -> tuple[str, str, str]:
    bare = without_schedules(trace, None if function is None else [function])[0]
    return bare.key(), function or "", target


def _decoded(kind: type[T], text: str) -> T | None:
    """None for what another version of the schema wrote: it can be measured again."""
    try:
        return decode(kind, json.loads(text))
    except ValueError:
        return None


def _no_upload(reference: str) -> NotFound:
    return NotFound(
        f"The uploaded model {reference[:19]}… is not here.",
        hint="Upload the file again; the same file continues the same trace.", place="model",
        code="upload_missing", params={"reference": reference[:19]},
    )  # fmt: skip


def _too_large(name: str, size: int, limit: int) -> BadModel:
    return BadModel(
        f"'{name}' has {size >> 20} MiB; at most {limit >> 20} MiB can be opened.",
        hint="Reduce the model, for example its weights, or raise MLC_EXPLORER_UPLOAD_MIB.", place=name,
        code="upload_too_large", params={"name": name, "size_mib": size >> 20, "limit_mib": limit >> 20},
    )  # fmt: skip


def _full(quota: int) -> MlcError:
    return MlcError(
        f"There is no room for another upload: today's take up all of the {quota >> 20} MiB.",
        hint="Try again tomorrow, or raise MLC_EXPLORER_STORE_MIB.", place="store", code="store_full",
        params={"limit_mib": quota >> 20},
    )  # fmt: skip


def _unusable(home: Path, e: Exception) -> MlcError:
    return MlcError(
        f"The store in {home} can't be used: {e}", hint="Check the folder's permissions and the disk, or set "
        "MLC_EXPLORER_HOME to another folder.", place="store", code="store_unusable",
        params={"home": str(home), "reason": str(e)},
    )  # fmt: skip
