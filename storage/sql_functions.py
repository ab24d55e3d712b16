"""Functions that ad-hoc SQL may call: what reads, counts, compares and formats small values.

Everything else is refused by default. Not here on purpose: what has side effects, shows settings, paths or the session,
sleeps, runs SQL or other functions by name, and what turns a small value into one of any size in one step (`repeat`,
`lpad`, `range` outside FROM, `printf`, `replace`, ...) or works longer than its input is (`levenshtein`, `jaccard`, what
takes a lambda, ...), because no timer stops a single step. What is allowed is bounded further by `storage.sql_steps`.
"""

from __future__ import annotations

from typing import Final

_OPERATORS = "+ - * / // % ** ^ & | ~ << >> || !__postfix ~~ !~~ ~~* !~~* ~~~ ^@ @> <@ && -> ->> [] not"
TABLE_FUNCTIONS: Final = frozenset({"range", "generate_series", "unnest"})

_NUMBERS = """
abs add cbrt ceil ceiling divide even exp fdiv floor fmod gcd greatest isfinite isinf isnan lcm least ln log log10 log2
mod multiply nullif pi pow power random round round_even sign sqrt subtract trunc
"""
_TEXTS = """
ascii char_length character_length chr contains ends_with formatreadabledecimalsize
formatreadablesize format_bytes hash instr lcase left length
like_escape ilike_escape lower ltrim md5 ord position prefix regexp_extract regexp_full_match regexp_matches
reverse right rtrim sha256 split split_part starts_with strip_accents strlen strpos str_split string_split substr
substring suffix translate trim typeof ucase unicode upper uuid concat
"""
_TIMES = """
age ago century current_date current_timestamp date_add date_diff date_part date_sub date_trunc datediff datepart
datesub datetrunc day dayname dayofmonth dayofweek dayofyear days_in_month decade epoch epoch_ms epoch_ns epoch_us era
get_current_timestamp hour isodow isoyear julian last_day make_date make_time make_timestamp make_timestamptz
microsecond millennium millisecond minute month monthname now quarter second strftime strptime time_bucket timezone
timezone_hour timezone_minute to_centuries to_days to_decades to_hours to_microseconds to_millennia to_milliseconds
to_minutes to_months to_quarters to_seconds to_timestamp to_weeks to_years today transaction_timestamp try_strptime week
weekday weekofyear year yearweek
"""
_NESTED = """
array_contains array_extract array_has array_length array_position array_slice array_sort cardinality element_at flatten
json json_array json_array_length json_contains json_exists json_extract json_extract_path json_extract_path_text
json_extract_string json_keys json_object json_type json_valid json_value len list_avg list_contains
list_count list_distinct list_element list_extract list_has list_has_all list_has_any list_max list_min
list_position list_reverse_sort list_slice list_sort list_sum list_unique list_value list_zip map
map_contains map_extract map_keys map_values row row_to_json struct_extract struct_pack to_json unnest
"""
_AGGREGATES = """
any_value approx_count_distinct approx_quantile approx_top_k arbitrary arg_max arg_max_null arg_min arg_min_null argmax
argmin array_agg avg bool_and bool_or corr count count_if count_star countif covar_pop covar_samp cume_dist dense_rank
entropy favg first first_value fsum geomean group_concat histogram kurtosis lag last last_value lead list listagg mad
max max_by mean median min min_by mode nth_value ntile percent_rank quantile quantile_cont quantile_disc rank
rank_dense regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope row_number skewness stddev stddev_pop
stddev_samp string_agg sum var_pop var_samp variance wavg weighted_avg
"""
ALLOWED: Final = frozenset(
    word for words in (_OPERATORS, _NUMBERS, _TEXTS, _TIMES, _NESTED, _AGGREGATES) for word in words.split()
)
