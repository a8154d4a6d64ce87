-- How good the live forecasts of the last 20, 60, 250 and all (span 0) sessions were, compared with naive.
-- params: ticker (default: all), spec (default: all)
select
    live_skill.ticker,
    live_skill.target,
    live_skill.spec,
    live_skill.span,
    live_skill.n,
    live_skill.missed,
    live_skill.mae,
    live_skill.naive_mae,
    live_skill.last_close_mae,
    live_skill.skill,
    live_skill.directional_accuracy,
    live_skill.coverage_80,
    live_skill.coverage_95
from live_skill
where
    (cast(:ticker as varchar) is null or live_skill.ticker = :ticker)
    and (cast(:spec as varchar) is null or live_skill.spec = :spec)
order by live_skill.ticker, live_skill.target, live_skill.spec, live_skill.span
