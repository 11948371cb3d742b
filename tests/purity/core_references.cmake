# Lists what the core's object files need from outside, and fails on anything that is not named here. A list of what is
# allowed rather than of what is not: there is no end to the ways of reaching a clock.
set(allowed
  "millrace::.*"
  "mem(chr|cmp|cpy|move|set)|strlen"
  "operator (new|delete)(\\[\\])?\\(.*"
  "std::__throw_[a-z_]+\\(.*"                    # length_error, bad_alloc: they end the program
  "std::__glibcxx_assert_fail\\(.*"              # in developer builds: it ends the program, too
  "std::__cxx11::basic_string<.*|std::allocator<char>::.*"
  "(vtable|typeinfo) for (millrace::|__cxxabiv1::).*"
  "_GLOBAL_OFFSET_TABLE_|_Unwind_Resume|__gxx_personality_v0|__stack_chk_fail|abort"
  "__(a|ub|t)san_.*|__sanitizer_.*"              # a sanitizer's own, in the presets that have one
)
list(JOIN allowed "|" allowed)

execute_process(COMMAND ${nm} --undefined-only --demangle --format=posix ${library}
  OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
# A semicolon or an open bracket in a line would join CMake's list items.
string(REGEX REPLACE "[^\n]*/[^/\n]*\\[([^\n]*)\\]:\n" "object \\1\n" output "${output}")
string(REPLACE ";" "," output "${output}")
string(REGEX MATCHALL "object [^\n]+|[^\n]+ U[^\n]*" lines "${output}")
set(objects 0)
set(references 0)
foreach(line IN LISTS lines)
  if(line MATCHES "^object (.*)$")
    set(object ${CMAKE_MATCH_1})
    math(EXPR objects "${objects} + 1")
    continue()
  endif()
  math(EXPR references "${references} + 1")
  string(REGEX REPLACE " U[ 0-9a-f]*$" "" symbol "${line}")
  if(NOT symbol MATCHES "^(${allowed})$")
    list(APPEND foreign "${object}: ${symbol}")
  endif()
endforeach()
if(objects EQUAL 0 OR references EQUAL 0)
  message(FATAL_ERROR "${library} references nothing at all: is nm reading it?")
endif()
if(foreign)
  list(REMOVE_DUPLICATES foreign)
  list(JOIN foreign "\n  " foreign)
  message(FATAL_ERROR "The core must stay pure, but references:\n  ${foreign}")
endif()
