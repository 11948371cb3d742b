# compile_case(name STATEMENT code [MESSAGE regular expression]): one statement in a function, behind the headers of the
# variable `headers`. With a MESSAGE the compiler has to stop and say it; else the statement has to compile. None of the
# headers may include <httplib.h>.
function(compile_case name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "STATEMENT;MESSAGE" "")
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp)
  list(TRANSFORM headers REPLACE "^(.+)$" "#include <\\1>\n" OUTPUT_VARIABLE includes)
  list(JOIN includes "" includes)
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT [[
#include <string>
@includes@
#ifdef CPPHTTPLIB_VERSION
#error these headers have no need of httplib.h
#endif

void must_not_compile() {
  @arg_STATEMENT@
}
]])
  add_test(NAME MustNotCompile.${name}
    COMMAND ${CMAKE_CXX_COMPILER} -std=c++20 -fsyntax-only -I${PROJECT_SOURCE_DIR}/core/include
            -I${PROJECT_SOURCE_DIR}/server/include ${source})
  if(arg_MESSAGE)
    # The compiler's exit code does not matter then: without the message the test fails.
    set_tests_properties(MustNotCompile.${name} PROPERTIES PASS_REGULAR_EXPRESSION "${arg_MESSAGE}")
  endif()
endfunction()

set(bad_value "field_value_has_cr_lf_nul_or_is_too_long")
set(bad_topic "topic_is_empty_too_long_or_malformed")
