-- How each backtest went: the spec's mean absolute error beside those of naive and the last close.
-- params: ticker (default: all), spec (default: all)
select
    leaderboard.ticker,
    leaderboard.spec,
    leaderboard.target,
    leaderboard.holdout_from,
    leaderboard.holdout_through,
    leaderboard.sessions,
    leaderboard.mae,
    leaderboard.naive_mae,
    leaderboard.last_close_mae,
    leaderboard.skill,
    leaderboard.verdict
from leaderboard
where
    (cast(:ticker as varchar) is null or leaderboard.ticker = :ticker)
    and (cast(:spec as varchar) is null or leaderboard.spec = :spec)
order by
    leaderboard.ticker,
    leaderboard.spec,
    leaderboard.holdout_from,
    leaderboard.created_at,
    leaderboard.backtest_id
