{#- One row per key, and no part of the key missing, except a part that the model says may be. -#}
{% test unique_key(model, columns, nullable=[]) %}

select {{ columns | join(', ') }}
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{%- for column in columns if column not in nullable %} or {{ column }} is null{% endfor %}

{% endtest %}
