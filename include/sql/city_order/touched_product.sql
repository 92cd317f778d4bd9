-- The products whose rows a release must set anew; if it is built whole, all of its programme. A product is touched if
-- the lines of a changed submission ask for it in another way than before, or if an exclusion names a line of the
-- submission that counts no more. Whatever a model reads of a line is compared here.
-- Grain: product_id.  Reads: city_order.input_change, city_order.exclusion_version, core.demand_line, core.product,
-- reference.survey.
with

line_before as (
    select
        changed.agency_code,
        demand_line.product_id,
        demand_line.unit,
        demand_line.pieces_per_unit,
        demand_line.item_name,
        demand_line.part_number,
        demand_line.manufacturer,
        demand_line.okpd2_code,
        demand_line.need_kind,
        demand_line.stock,
        demand_line.contracted,
        demand_line.unit_price_rub,
        demand_line.demand_2026,
        demand_line.demand_2027,
        demand_line.demand_2028,
        demand_line.demand_2029,
        demand_line.demand_2030,
        demand_line.demand_2031,
        demand_line.demand_2032,
        demand_line.demand_2033,
        demand_line.demand_2034,
        demand_line.demand_2035,
        demand_line.outside_horizon
    from city_order.input_change as changed
    inner join core.demand_line on changed.submission_before = demand_line.submission_id
    where changed.release_id = %(release_id)s and not %(is_whole)s
),

line_after as (
    select
        changed.agency_code,
        demand_line.product_id,
        demand_line.unit,
        demand_line.pieces_per_unit,
        demand_line.item_name,
        demand_line.part_number,
        demand_line.manufacturer,
        demand_line.okpd2_code,
        demand_line.need_kind,
        demand_line.stock,
        demand_line.contracted,
        demand_line.unit_price_rub,
        demand_line.demand_2026,
        demand_line.demand_2027,
        demand_line.demand_2028,
        demand_line.demand_2029,
        demand_line.demand_2030,
        demand_line.demand_2031,
        demand_line.demand_2032,
        demand_line.demand_2033,
        demand_line.demand_2034,
        demand_line.demand_2035,
        demand_line.outside_horizon
    from city_order.input_change as changed
    inner join core.demand_line on changed.submission_after = demand_line.submission_id
    where changed.release_id = %(release_id)s and not %(is_whole)s
),

-- A line that stands twice is not the same as one that stands once.
differing as (
    (
        select * from line_before
        except all
        select * from line_after
    )
    union all
    (
        select * from line_after
        except all
        select * from line_before
    )
)

select
    %(release_id)s as release_id,
    product_id
from differing
union
select
    %(release_id)s as release_id,
    exclusion.product_id
from city_order.input_change as changed
inner join city_order.exclusion_version as exclusion on changed.submission_before = exclusion.submission_id
where changed.release_id = %(release_id)s and not %(is_whole)s
union
select
    %(release_id)s as release_id,
    product.product_id
from reference.survey
inner join core.product using (programme)
where survey.survey_code = %(survey_code)s and %(is_whole)s
