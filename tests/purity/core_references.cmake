# Lists what the core's object files need from outside, and fails on anything that is not named here. A list of what is
# allowed rather than of what is not: there is no end to the ways of reaching a clock.
set(allowed
  "millrace::.*"
  "mem(chr|cmp|cpy|move|set)|strlen"
  "operator (new|delete)(\\[\\])?\\(.*"
  "std::__throw_[a-z_]+\\(.*"                    # length_error, bad_alloc: they end the program
  "std::__cxx11::basic_string<.*"
  "(vtable|typeinfo) for (millrace::|__cxxabiv1::).*"
  "_GLOBAL_OFFSET_TABLE_|_Unwind_Resume|__gxx_personality_v0|__stack_chk_fail|abort"
  "__(a|ub|t)san_.*|__sanitizer_.*"              # a sanitizer's own, in the presets that have one
)
list(JOIN allowed "|" allowed)

execute_process(COMMAND ${nm} --undefined-only --demangle --format=posix ${library}
  OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE ";" "," output "${output}")
string(REGEX MATCHALL "[^\n]+ U[^\n]*" lines "${output}")
if(NOT lines)
  message(FATAL_ERROR "${library} references nothing at all: is nm reading it?")
endif()
foreach(line IN LISTS lines)
  string(REGEX REPLACE " U[ 0-9a-f]*$" "" symbol "${line}")
  if(NOT symbol MATCHES "^(${allowed})$")
    list(APPEND foreign "${symbol}")
  endif()
endforeach()
if(foreign)
  list(REMOVE_DUPLICATES foreign)
  list(JOIN foreign "\n  " foreign)
  message(FATAL_ERROR "The core must stay pure, but references:\n  ${foreign}")
endif()
