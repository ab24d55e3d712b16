-- More is noticed than errors and silence.
COMMENT ON COLUMN signal."kind" IS 'What was noticed [new_error_template, error_burst, new_warning_template, warning_burst, silence, traffic_drop, template_silence, figure_shift, personal_data, clock_skew, forecast]';
COMMENT ON COLUMN signal."template_id" IS 'Template of the lines, NULL where no sentence is meant [id]';
COMMENT ON COLUMN signal."template" IS 'The template as it was then, NULL where no sentence is meant [safe text]';
COMMENT ON COLUMN signal."reason" IS 'Why: strong_signal, goes_on, two_weak_signals, same_service, on_the_call_path, called_less, burst_together, storm, came_back and others [word]';
