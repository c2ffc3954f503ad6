{#- Whether no credit in `matched` (credit_id, charge_id) has met a charge, or credit, of `charges` yet. -#}
{% macro is_left_over(charges, matched) -%}
    {%- for side in ('credit_id', 'charge_id') %}
        {{ 'and ' if not loop.first -}}
        not exists (select 1 from {{ matched }} as matched where matched.{{ side }} = {{ charges }}.charge_id)
    {%- endfor %}
{%- endmacro %}

{#-
    What one credit may take back at once, likeliest first, as CTE `bundles`: all of a party, of a type or not; of what
    was billed again already, the firsts; any two. A credit that names no party may take back all firsts.
    From `charges` (those of a party, with has_credit: whether a credit names it).
-#}
{% macro credit_bundles(charges) -%}
{%- set bundles = [
    (1, charges, 'party', "'type ' || charge_type || ' ' || party", 'has_credit'),
    (2, charges, 'party', "'all ' || party", 'has_credit'),
    (2, 'firsts', 'party', "'firsts of ' || party", 'has_credit'),
    (3, 'pairs', 'party', "'two ' || pair", 'true'),
    (4, 'firsts', "''", "'twice ' || charge_type", 'copies > 1'),
    (5, 'firsts', "''", "'twice on ' || payment_id || ' ' || charge_type", 'copies > 1'),
    (6, 'firsts', "''", "'twice on ' || payment_id", 'copies > 1'),
] -%}
firsts as (

    select
        charge_type,
        party,
        size,
        has_credit,
        min(payment_id) as payment_id,
        min(charge_id) as charge_id,
        count(*) as copies
    from {{ charges }}
    group by charge_type, party, size, has_credit, item_id, start_date, end_date

),

pairs as (

    select
        one.party,
        one.charge_id || ' ' || other.charge_id as pair,
        case when sides.side = 1 then one.charge_id else other.charge_id end as charge_id,
        case when sides.side = 1 then one.size else other.size end as size
    from {{ charges }} as one
    inner join {{ charges }} as other on one.party = other.party and one.charge_id < other.charge_id
    cross join (values (1), (2)) as sides (side)
    where one.has_credit

),

bundles as (
    {%- for step, relation, party, bundle, condition in bundles %}
    {{ 'union all' if not loop.first }}
    select {{ step }} as step, {{ party }} as party, {{ bundle }} as bundle, charge_id, size
    from {{ relation }}
    where {{ condition }}
    {%- endfor %}

)
{%- endmacro %}
