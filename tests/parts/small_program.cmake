# The program without all that it can do without. What is asked of it and needs a part is refused, with the part's name;
# the rest works: it serves, and /metrics says what is missing.
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/pkg_config_without.cmake)
configure_quietly(-S ${source} -B ${build} -D CMAKE_BUILD_TYPE=Debug -D MILLRACE_WITH_JWT=OFF -D MILLRACE_WITH_METRICS=OFF
  -D MILLRACE_WITH_SQLITE=OFF -D MILLRACE_WITH_NATS=OFF -D MILLRACE_WITH_POSTGRES=OFF -D MILLRACE_WITH_REDIS=OFF -D MILLRACE_WITH_BROTLI=OFF -D MILLRACE_WITH_ZLIB=OFF
  -D MILLRACE_WITH_LIBURING=OFF -D MILLRACE_WITH_PROFILER=OFF -D MILLRACE_WITH_PROGRAM=ON)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${output}")
endif()
execute_process(COMMAND ${CMAKE_COMMAND} --build ${build} --target millrace_cli COMMAND_ERROR_IS_FATAL ANY)

function(expect_refusal sentence)
  execute_process(COMMAND ${build}/bin/millrace serve --port 0 ${ARGN} RESULT_VARIABLE status
    OUTPUT_VARIABLE output ERROR_VARIABLE output TIMEOUT 20)
  if(NOT status EQUAL 2)
    message(FATAL_ERROR "millrace serve ${ARGN} ends with ${status}: ${output}")
  endif()
  expect_text("${sentence}")
endfunction()
expect_refusal("--store sqlite:…: this program was built without millrace::sqlite; build it with the CMake option MILLRACE_WITH_SQLITE=ON"
  --store sqlite:${build}/events.db)
expect_refusal("--store nats://…: this program was built without millrace::nats; build it with the CMake option MILLRACE_WITH_NATS=ON"
  --store nats://127.0.0.1)
expect_refusal("--store postgres://…: this program was built without millrace::postgres; build it with the CMake option MILLRACE_WITH_POSTGRES=ON"
  --store postgres://127.0.0.1/db)
expect_refusal("--store redis://…: this program was built without millrace::redis; build it with the CMake option MILLRACE_WITH_REDIS=ON"
  --store redis://127.0.0.1)
expect_refusal("--jwt-… and --jwks: this program was built without millrace::jwt; build it with the CMake option MILLRACE_WITH_JWT=ON"
  --jwks /dev/null)
expect_refusal("--gzip: this build of Millrace has no zlib; build it with the CMake option MILLRACE_WITH_ZLIB=ON" --gzip)

# It serves an event to its own client.
execute_process(COMMAND /bin/sh ${CMAKE_CURRENT_LIST_DIR}/small_program.sh ${build}/bin/millrace
  COMMAND_ERROR_IS_FATAL ANY TIMEOUT 60)
