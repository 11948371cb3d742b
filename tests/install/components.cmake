# Where only what server and client need is installed, find_package finds these two, and says of another component what it
# would need.
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/../parts/pkg_config_without.cmake)
file(REMOVE_RECURSE ${build})
hide(${build}-pkgconfig "libnats;libpq;hiredis;cjose;prometheus-cpp-core" "SQLite3;nlohmann_json;spdlog;CLI11")
set(consumer -S ${CMAKE_CURRENT_LIST_DIR}/../parts/core_consumer -B ${build} -D CMAKE_PREFIX_PATH=${prefix} ${hiding})

foreach(components IN ITEMS core client server "server\\;client" "")
  configure_quietly(${consumer} -D millrace_components=${components})
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "COMPONENTS ${components}: ${output}")
  endif()
endforeach()
# The last one named none: what is missing is said, and is no error.
expect_text("millrace::nats needs the NATS C client (Debian: libnats-dev), which was not found")

foreach(pair IN ITEMS "nats|the NATS C client (Debian: libnats-dev)" "sqlite|SQLite 3 (Debian: libsqlite3-dev)"
    "postgres|PostgreSQL's libpq 12 or later (Debian: libpq-dev)" "redis|hiredis 0.14 or later (Debian: libhiredis-dev)"
    "jwt|cjose (Debian: libcjose-dev, libjansson-dev)" "metrics|prometheus-cpp (Debian: prometheus-cpp-dev)")
  string(REPLACE "|" ";" pair "${pair}")
  list(GET pair 0 component)
  list(GET pair 1 need)
  configure_quietly(${consumer} -D millrace_components=${component})
  if(status EQUAL 0)
    message(FATAL_ERROR "COMPONENTS ${component} is found without ${need}")
  endif()
  expect_text("millrace::${component} needs ${need}, which was not found")
endforeach()
