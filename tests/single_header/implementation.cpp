// The one source with the definitions.
#define MILLRACE_PARSER_IMPLEMENTATION
#include "millrace_parser.h"
