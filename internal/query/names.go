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
