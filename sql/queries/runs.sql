-- The last runs, newest first: when, where, on which tickers, how they ended and what went wrong.
-- params: flow (default: all)
select
    runs.started_at,
    runs.flow,
    runs.as_of,
    runs.state,
    runs.ended_at,
    runs.seen_at,
    runs.host,
    runs.pid,
    runs.error,
    runs.run_id
from runs
where cast(:flow as varchar) is null or runs.flow = :flow
order by runs.started_at desc
limit 50
