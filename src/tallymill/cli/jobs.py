"""`tallymill jobs`: the jobs of a running server, listed, run, paused and removed.

Adding, trying and backfilling are in files of their own, joined here.
"""

import time
from typing import Annotated, Any, Final

import typer

from tallymill.cli import jobs_add, jobs_backfill, jobs_try
from tallymill.cli.connection import Server, connected, path_of
from tallymill.cli.options import JobName, Json, Url
from tallymill.cli.terminal import say, say_fields, say_json, say_table

PAGE: Final = 1000  #: jobs that are asked for at once
POLL_S: Final = 0.3  #: between two looks at a run

app = typer.Typer(help="Questions on a schedule.", no_args_is_help=True)
app.command("add")(jobs_add.add)
app.command("try")(jobs_try.try_)
app.command("backfill")(jobs_backfill.backfill)


@app.command("list")
def list_(*, url: Url = None, json: Json = False) -> None:
    """List all jobs, oldest first."""
    jobs: list[dict[str, Any]] = []
    with connected(url) as server:
        while page := server.get("/jobs", skip=len(jobs), limit=PAGE):
            jobs += page
            if len(page) < PAGE:
                break
    if json:
        say_json(jobs)
        return
    say_table(
        ("JOB", "SCHEDULE", "NEXT RUN", "LAST RUN", "OUTCOME", "DELIVERY"),
        [
            (
                job["id"],
                job.get("schedule") or job.get("cron_string"),
                "paused" if job.get("paused") else job.get("next_run"),
                job.get("last_run"),
                job.get("last_outcome"),
                job.get("last_delivery"),
            )
            for job in jobs
        ],
    )


@app.command()
def show(name: JobName, *, url: Url = None, json: Json = False) -> None:
    """Show one job."""
    with connected(url) as server:
        job: dict[str, Any] = server.get(path_of("jobs", name))
    if json:
        say_json(job)
        return
    say_fields(job.items())


@app.command()
def run(
    name: JobName,
    *,
    as_of: Annotated[
        str | None, typer.Option(help="Pretend that this is now; a date or a time.")
    ] = None,
    wait: Annotated[
        bool,
        typer.Option("--wait", help="Wait for it and its delivery; show what came."),
    ] = False,
    timeout: Annotated[
        float, typer.Option(min=0, help="The most seconds that --wait waits.")
    ] = 600.0,
    url: Url = None,
    json: Json = False,
) -> None:
    """Run a job now, whatever its schedule says."""
    with connected(url) as server:
        run: dict[str, Any] = server.post(path_of("jobs", name, "run"), as_of=as_of)
        if wait:
            run = _settled(server, run, time.monotonic() + timeout)
    if json:
        say_json(run)
    elif wait:
        say_fields((key, run.get(key)) for key in ("outcome", "result", "error"))
        say_fields([("delivery", _delivery(run) or None)])
    else:
        say(f"{name} is running; `tallymill jobs runs {name}` shows what comes of it.")
    if wait and not _is_well(run):
        raise typer.Exit(1)


@app.command()
def pause(name: JobName, *, url: Url = None, json: Json = False) -> None:
    """Let a job's due times pass until it is resumed."""
    _post(name, "pause", url=url, as_json=json, said=f"{name} is paused.")


@app.command()
def resume(name: JobName, *, url: Url = None, json: Json = False) -> None:
    """Let a paused job run again."""
    _post(name, "resume", url=url, as_json=json, said=f"{name} runs again.")


@app.command()
def remove(name: JobName, *, url: Url = None) -> None:
    """Delete a job; its history stays."""
    with connected(url) as server:
        server.delete(path_of("jobs", name))
    say(f"{name} is removed.")


@app.command()
def runs(
    name: JobName,
    *,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 20,
    url: Url = None,
    json: Json = False,
) -> None:
    """Show a job's last runs, newest first, with what came of each."""
    with connected(url) as server:
        history: list[dict[str, Any]] = server.get(
            path_of("jobs", name, "runs"), limit=limit
        )
    if json:
        say_json(history)
        return
    say_table(
        ("RUN", "SCHEDULED FOR", "OUTCOME", "RESULT OR ERROR", "DELIVERY"),
        [
            (
                run["id"],
                run.get("scheduled_for"),
                run.get("outcome"),
                run.get("error") or run.get("result") or run.get("reason"),
                _delivery(run),
            )
            for run in history
        ],
    )


@app.command()
def redeliver(
    run_id: Annotated[str, typer.Argument(help="The run's id.", metavar="RUN")],
    *,
    url: Url = None,
    json: Json = False,
) -> None:
    """Send a run's result again, as after its last attempt had failed."""
    with connected(url) as server:
        answer = server.post(path_of("runs", run_id, "redeliver"))
    if json:
        say_json(answer)
        return
    say(f"The result of run {run_id} will be sent again.")


def _post(name: str, verb: str, *, url: str | None, as_json: bool, said: str) -> None:
    with connected(url) as server:
        job = server.post(path_of("jobs", name, verb))
    if as_json:
        say_json(job)
        return
    say(said)


def _settled(server: Server, run: dict[str, Any], until_s: float) -> dict[str, Any]:
    """Return the run once it has ended and is delivered or given up, or time is over."""
    while _is_under_way(run) and time.monotonic() < until_s:
        time.sleep(POLL_S)
        run = server.get(path_of("runs", run["id"]))
    return run


def _is_under_way(run: dict[str, Any]) -> bool:
    delivery = run.get("delivery")
    is_waiting = delivery is not None and delivery["state"] == "waiting"
    return run.get("finished_at") is None or is_waiting


def _is_well(run: dict[str, Any]) -> bool:
    delivery = run.get("delivery")
    is_there = delivery is None or delivery["state"] == "delivered"
    return run["outcome"] == "succeeded" and is_there


def _delivery(run: dict[str, Any]) -> str:
    delivery = run.get("delivery")
    if delivery is None:
        return ""
    reason = delivery.get("reason")
    return f"{delivery['state']}: {reason}" if reason else str(delivery["state"])
