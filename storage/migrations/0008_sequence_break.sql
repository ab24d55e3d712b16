-- Sessions that lack a step are noticed too.
COMMENT ON COLUMN signal."kind" IS 'What was noticed [new_error_template, error_burst, new_warning_template, warning_burst, silence, traffic_drop, template_silence, host_silence, sequence_break, figure_shift, personal_data, clock_skew, forecast]';
