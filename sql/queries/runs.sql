-- The last runs, newest first: when and where, how they ended and what went wrong, when they were last seen alive.
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
