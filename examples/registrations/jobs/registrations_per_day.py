from tallymill import job


@job(
    schedule="each day at 1PM",
    period="day",
    deliver_to="http://127.0.0.1:8000/result",
    as_of="2022-12-22",  # the data ends there; leave out in real life
)
async def registrations_per_day(run):
    """Total number of registrations on the day before."""
    rows = await run.query(
        "registrations",
        "SELECT count(*) AS count FROM registration"
        " WHERE timestamp >= :start AND timestamp < :end",
    )
    return {"date": run.period.start.date(), "count": rows[0]["count"]}
