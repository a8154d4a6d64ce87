-- Sessions that opened without a live forecast, though the spec had begun to issue some, and why.
-- params: ticker (default: all), spec (default: all)
select
    missed_nights.ticker,
    missed_nights.target,
    missed_nights.spec,
    missed_nights.target_session,
    missed_nights.cutoff,
    missed_nights.reason,
    missed_nights.detected_at
from missed_nights
where
    (cast(:ticker as varchar) is null or missed_nights.ticker = :ticker)
    and (cast(:spec as varchar) is null or missed_nights.spec = :spec)
order by missed_nights.target_session desc, missed_nights.ticker asc, missed_nights.spec asc
