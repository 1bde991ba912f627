package query

import "strings"

// statsNames are the functions of the stats pipe. They may stand without the
// word stats.
var statsNames = []string{
	"avg", "count", "count_empty", "count_uniq", "count_uniq_hash", "histogram", "json_values", "max", "median",
	"min", "quantile", "rate", "rate_sum", "row_any", "row_max", "row_min", "sum", "sum_len", "uniq_values", "values",
}

// pipeNames are the pipes and their other names.
var pipeNames = []string{
	"stats", "by", "collapse_nums", "copy", "cp", "decolorize", "delete", "del", "rm", "drop", "drop_empty_fields",
	"extract", "extract_regexp", "facets", "field_names", "field_values", "fields", "keep", "filter", "where",
	"first", "format", "hash", "join", "json_array_len", "last", "len", "limit", "head", "math", "eval", "offset",
	"skip", "pack_json", "pack_logfmt", "rename", "mv", "replace", "replace_regexp", "sample", "sort", "order",
	"top", "union", "uniq", "unpack_json", "unpack_logfmt", "unpack_syslog", "unpack_words", "unroll",
}

// laterNames are words of LogsQL that are kept free for it: what they ask about
// is not here, or not yet.
var laterNames = []string{
	"block_stats", "blocks_count", "generate_sequence", "query_stats", "running_stats", "set_stream_fields", "split",
	"stats_remote", "stream_context", "time_add", "total_stats",
}

// elsewhere are words of other query languages and what is written for them here.
// They are no names of the language: behind a word such as filter, or quoted, they are
// words to look for.
var (
	pipesElsewhere = map[string]string{
		"dedup": "uniq by (…)", "distinct": "uniq by (…)", "extend": "math or format", "grep": "filter", "group": "stats by (…)", "having": "filter",
		"json": "unpack_json", "line_format": "format", "logfmt": "unpack_logfmt", "parse": "extract", "project": "fields", "rex": "extract_regexp",
		"search": "filter", "select": "fields", "summarize": "stats by (…)", "table": "fields", "tail": "last 10 by (_time)", "take": "limit",
		"timechart": "stats by (_time:5m)",
	}
	functionsElsewhere = map[string]string{
		"average": "avg", "count_distinct": "count_uniq", "dc": "count_uniq", "distinct": "count_uniq or uniq_values", "first": "row_min(_time, …)",
		"last": "row_max(_time, …)", "list": "values", "maximum": "max", "mean": "avg", "minimum": "min", "percentile": "quantile", "total": "sum", "uniq": "count_uniq or uniq_values",
	}
	filtersElsewhere = map[string]string{
		"between": "range(1, 10)", "cidr": "ipv4_range(10.0.0.0/8)", "contains": `~"part of a word", or the word itself`, "ends_with": `~"end$"`, "endswith": `~"end$"`,
		"like": `~"regexp"`, "match": `~"regexp"`, "matches": `~"regexp"`, "not_in": "!in(…)", "notin": "!in(…)", "regex": `~"regexp"`, "regexp": `~"regexp"`,
		"starts_with": `="start"*`, "startswith": `="start"*`,
	}
)

// filterNames are the filters that are written like a function.
var filterNames = []string{
	"contains_all", "contains_any", "contains_common_case", "eq_field", "equals_common_case", "exact", "i", "in",
	"ipv4_range", "le_field", "len_range", "lt_field", "range", "re", "seq", "string_range", "value_type",
}

var reserved = nameSet(statsNames, pipeNames, laterNames, filterNames, []string{
	"", "and", "or", "not", "now", "offset", "options",
})

func nameSet(lists ...[]string) map[string]bool {
	set := make(map[string]bool)
	for _, list := range lists {
		for _, name := range list {
			set[name] = true
		}
	}
	return set
}

// isReserved reports whether s must be quoted to be a word or a name.
func isReserved(s string) bool { return reserved[strings.ToLower(s)] }
