-- What training cost, by spec and month: how many models, and their seconds in all and in the mean.
-- params: spec (default: all)
select
    models.spec,
    substr(cast(models.trained_at as varchar), 1, 7) as trained_month,
    count(*) as trainings,
    sum(models.train_seconds) as train_seconds,
    sum(models.train_seconds) / count(*) as mean_train_seconds
from models
where cast(:spec as varchar) is null or models.spec = :spec
group by models.spec, substr(cast(models.trained_at as varchar), 1, 7)
order by models.spec, trained_month
