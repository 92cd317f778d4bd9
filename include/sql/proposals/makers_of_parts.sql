-- Who makes the parts that are asked for under a manufacturer's name that nobody knows.
-- Grain: manufacturer_key, manufacturer_code.  Reads: core.product, reference.part, reference.part_alias.
select
    product.manufacturer_key,
    part.manufacturer_code
from core.product
inner join reference.part using (matching_key)
where product.manufacturer_key = any(%(manufacturer_keys)s)
union
select
    product.manufacturer_key,
    part_alias.manufacturer_code
from core.product
inner join reference.part_alias on product.matching_key = part_alias.alias_key
where product.manufacturer_key = any(%(manufacturer_keys)s)
