-- The published figures of a release by class, as manufacturers see them.
-- Grain: okpd2_class, unit, year.  Reads: published.class_line.
select
    okpd2_class,
    unit,
    year,
    listed_quantity,
    rest_quantity,
    rest_products,
    rest_agencies,
    total_quantity
from published.class_line
where release_id = %(release_id)s
order by okpd2_class collate "C", unit collate "C", year
