{#- Whether no credit in `matched` (credit_id, charge_id) is matched with a charge, or credit, of `charges` yet. -#}
{% macro is_left_over(charges, matched) -%}
    {%- for side in ('credit_id', 'charge_id') %}
        {{ 'and ' if not loop.first -}}
        not exists (select 1 from {{ matched }} as matched where matched.{{ side }} = {{ charges }}.charge_id)
    {%- endfor %}
{%- endmacro %}

{#-
    What one credit may take back at once, most likely first, as CTE `bundles`: all charges of a party, of one type or of
    all types; the first ones, if they were billed again already; any two. A credit without a party may take back only
    charges of the orders in its text (`credit_id` is that credit): all of one type, all, or the first ones of duplicates.
    Reads `charges` (those of a party), and `named` (credit_id, party).
-#}
{% macro credit_bundles(charges) -%}
{%- set bundles = [
    (1, charges, "'type ' || charge_type || ' ' || party", 'null', 'has_credit'),
    (2, charges, "'all ' || party", 'null', 'has_credit'),
    (2, 'firsts', "'firsts of ' || party", 'null', 'has_credit'),
    (3, 'pairs', "'two ' || pair", 'null', 'true'),
    (4, 'named_firsts', "'twice ' || credit_id || ' ' || charge_type", 'credit_id', 'copies > 1'),
    (5, 'named_firsts', "'twice ' || credit_id", 'credit_id', 'copies > 1'),
    (6, 'named_charges', "'named ' || credit_id || ' ' || charge_type", 'credit_id', 'true'),
    (7, 'named_charges', "'named ' || credit_id", 'credit_id', 'true'),
] -%}
firsts as (

    select
        charge_type,
        party,
        size,
        has_credit,
        min(charge_id) as charge_id,
        count(*) as copies
    from {{ charges }}
    group by charge_type, party, size, has_credit, item_id, start_date, end_date

),

named_firsts as (

    select
        named.credit_id,
        firsts.*
    from firsts
    inner join named on firsts.party = named.party

),

named_charges as (

    select
        named.credit_id,
        charges.*
    from {{ charges }} as charges
    inner join named on charges.party = named.party

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
    {%- for step, relation, bundle, credit_id, condition in bundles %}
    {{ 'union all' if not loop.first }}
    select
        {{ step }} as step,
        {{ "''" if credit_id == 'credit_id' else 'party' }} as party,
        cast({{ credit_id }} as bigint) as credit_id,
        {{ bundle }} as bundle,
        charge_id,
        size
    from {{ relation }}
    where {{ condition }}
    {%- endfor %}

)
{%- endmacro %}
