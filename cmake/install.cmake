# What `cmake --install` lays down: the program, and what programs are built with (libraries, public headers, and what
# find_package(millrace) and pkg-config read). Of each part that is built, a file for CMake and one for pkg-config.
include(CMakePackageConfigHelpers)

set(MILLRACE_CONFIG_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/millrace)
set(MILLRACE_PKG_CONFIG_DIR ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

if(MILLRACE_HAS_PROGRAM)
  if(BUILD_SHARED_LIBS)
    set_target_properties(millrace_cli PROPERTIES INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
  endif()
  install(TARGETS millrace_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)
  # Profilers and debuggers can name its functions, for 150 KB of the package.
  install(CODE "if(CMAKE_INSTALL_DO_STRIP)
  execute_process(COMMAND \"${CMAKE_STRIP}\" --strip-debug \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/millrace\"
    COMMAND_ERROR_IS_FATAL ANY)
endif()" COMPONENT program)
  install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/millrace COMPONENT program)
  # The page of `serve --ui`, where `npm run build --workspace web-demo` has made it.
  install(DIRECTORY web-demo/ui/dist/ DESTINATION ${CMAKE_INSTALL_DATADIR}/millrace/ui COMPONENT program OPTIONAL)
  include(cmake/manual.cmake)
  install(DIRECTORY docs/deploy DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/millrace COMPONENT program
    PATTERN "*.service" EXCLUDE PATTERN "*.socket" EXCLUDE)
  install(FILES ${manual}/millrace.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT program)
  foreach(command IN LISTS MILLRACE_MANUAL_COMMANDS)
    install(FILES ${manual}/millrace-${command}.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT program)
  endforeach()
  install(FILES ${manual}/millrace.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
    RENAME millrace COMPONENT program)
  install(FILES ${manual}/millrace.zsh DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions
    RENAME _millrace COMPONENT program)
  install(FILES ${manual}/millrace.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT program)
  # Only of the Debian package: with another prefix, /etc and the user of the unit are not ours to make.
  install(FILES docs/deploy/millrace.service docs/deploy/millrace.socket DESTINATION /lib/systemd/system COMPONENT service EXCLUDE_FROM_ALL)
  install(FILES ${manual}/millrace.toml DESTINATION /etc/millrace COMPONENT service EXCLUDE_FROM_ALL)
endif()
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/libmillrace-dev COMPONENT development)
# Recipes of package managers leave these out of the sources.
install(FILES CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/libmillrace-dev COMPONENT development OPTIONAL)
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/libmillrace-dev COMPONENT development OPTIONAL
  FILES_MATCHING PATTERN "*.md" PATTERN deploy EXCLUDE PATTERN img EXCLUDE PATTERN benchmarks EXCLUDE)
install(DIRECTORY examples/ DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/libmillrace-dev/examples COMPONENT development OPTIONAL
  PATTERN npm EXCLUDE PATTERN CMakeLists.txt EXCLUDE)

# --- pkg-config -------------------------------------------------------------------------------------------------------

# Paths are relative to the file, so that what is installed can be moved.
file(RELATIVE_PATH pkg_config_to_prefix /${MILLRACE_PKG_CONFIG_DIR} /)
string(REGEX REPLACE "/$" "" pkg_config_to_prefix ${pkg_config_to_prefix})
# The user of a static library links all that it needs, that of a shared one only what its headers name.
if(BUILD_SHARED_LIBS)
  foreach(part IN ITEMS client jwt metrics sqlite nats postgres redis)
    set(MILLRACE_NEEDS_${part})
  endforeach()
  set(MILLRACE_NEEDS_server CPP_HTTPLIB THREADS)
endif()
function(millrace_pkg_config name description)
  set(requires)
  set(libraries)
  foreach(part IN LISTS MILLRACE_PARTS_${name})
    list(APPEND requires "millrace-${part} = ${PROJECT_VERSION}")
  endforeach()
  foreach(dependency IN LISTS MILLRACE_NEEDS_${name})
    if(dependency STREQUAL "THREADS")
      set(libraries -pthread)
    elseif(NOT dependency STREQUAL "CPP_HTTPLIB" OR MILLRACE_CPP_HTTPLIB_FROM STREQUAL "pkg-config")
      # Of a cpp-httplib that pkg-config does not know, the program's own flags say which it is.
      list(APPEND requires ${MILLRACE_${dependency}_MODULE})
    endif()
  endforeach()
  list(JOIN requires ", " requires)
  configure_file(cmake/millrace.pc.in ${PROJECT_BINARY_DIR}/millrace-${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/millrace-${name}.pc DESTINATION ${MILLRACE_PKG_CONFIG_DIR} COMPONENT development)
endfunction()

# --- The parts --------------------------------------------------------------------------------------------------------

# Parts that are left out leave no header behind.
set(MILLRACE_HEADER_metrics millrace/server/metrics)
set(MILLRACE_HEADER_sqlite millrace/server/stores/sqlite.h)
set(MILLRACE_HEADER_nats millrace/server/stores/jetstream.h)
set(MILLRACE_HEADER_postgres millrace/server/stores/postgres.h)
set(MILLRACE_HEADER_redis millrace/server/stores/redis.h)
set(MILLRACE_HEADER_jwt millrace/server/jwt_authorizer.h)
set(foreign)
foreach(part IN ITEMS metrics sqlite nats postgres redis jwt)
  string(TOUPPER ${part} upper)
  if(NOT MILLRACE_HAS_${upper})
    string(REPLACE "." "\\." pattern ${MILLRACE_HEADER_${part}})
    list(APPEND foreign REGEX "/${pattern}$" EXCLUDE)
  endif()
endforeach()
install(FILES core/include/millrace_core.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
install(DIRECTORY core/include/millrace DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
if(MILLRACE_HAS_SERVER)
  install(DIRECTORY server/include/millrace DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development ${foreign})
endif()
if(MILLRACE_HAS_CLIENT)
  install(DIRECTORY client-native/include/millrace DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
endif()

set(MILLRACE_BUILT core)
set(MILLRACE_PARTS_client core)
set(MILLRACE_PARTS_server core)
set(MILLRACE_ABOUT "")  # for millrace-config.cmake
set(MILLRACE_DESCRIPTION_core "the protocol, both ends")
set(MILLRACE_DESCRIPTION_client "client")
set(MILLRACE_DESCRIPTION_server "server and hub")
set(MILLRACE_DESCRIPTION_jwt "authorizer of signed tokens")
set(MILLRACE_DESCRIPTION_metrics "metrics for Prometheus")
set(MILLRACE_DESCRIPTION_sqlite "store in an SQLite file")
set(MILLRACE_DESCRIPTION_nats "store in NATS JetStream")
set(MILLRACE_DESCRIPTION_postgres "store in a PostgreSQL database")
set(MILLRACE_DESCRIPTION_redis "store in Redis or Valkey")
foreach(part IN ITEMS core client server jwt metrics sqlite nats postgres redis)
  string(TOUPPER ${part} upper)
  if(NOT part STREQUAL "core" AND NOT MILLRACE_HAS_${upper})
    string(APPEND MILLRACE_ABOUT "set(millrace_lacks_${part} \"${MILLRACE_LACKS_${upper}}\")\n")
    continue()
  endif()
  list(APPEND MILLRACE_BUILT ${part})
  string(APPEND MILLRACE_ABOUT "set(millrace_parts_${part} ${MILLRACE_PARTS_${part}})\n"
                               "set(millrace_needs_${part} ${MILLRACE_NEEDS_${part}})\n")
  install(TARGETS millrace_${part} EXPORT millrace-${part}-targets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
  install(EXPORT millrace-${part}-targets NAMESPACE millrace:: DESTINATION ${MILLRACE_CONFIG_DIR} COMPONENT development)
  millrace_pkg_config(${part} "${MILLRACE_DESCRIPTION_${part}}")
endforeach()
list(REMOVE_DUPLICATES MILLRACE_BUILT)
list(JOIN MILLRACE_BUILT ", " MILLRACE_BUILT_TEXT)

configure_package_config_file(cmake/millrace-config.cmake.in ${PROJECT_BINARY_DIR}/millrace-config.cmake
  INSTALL_DESTINATION ${MILLRACE_CONFIG_DIR})
# Before 1.0 a minor version may break what the one before it promised.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/millrace-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES cmake/MillraceDependencies.cmake cmake/MillraceCppHttplib.cmake ${PROJECT_BINARY_DIR}/millrace-config.cmake
  ${PROJECT_BINARY_DIR}/millrace-config-version.cmake DESTINATION ${MILLRACE_CONFIG_DIR} COMPONENT development)

# --- Debian packages: `cpack` in the build's folder -------------------------------------------------------------------

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "The Millrace developers")
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL development)
if(MILLRACE_HAS_PROGRAM)
  list(APPEND CPACK_COMPONENTS_ALL program service)
endif()
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)

# The program and its service are one package.
set(CPACK_COMPONENT_PROGRAM_GROUP millrace)
set(CPACK_COMPONENT_SERVICE_GROUP millrace)
set(CPACK_DEBIAN_MILLRACE_PACKAGE_NAME millrace)
set(CPACK_DEBIAN_MILLRACE_PACKAGE_SECTION net)
set(CPACK_DEBIAN_MILLRACE_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_MILLRACE_PACKAGE_DEPENDS "passwd, init-system-helpers")
set(CPACK_DEBIAN_MILLRACE_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_MILLRACE_PACKAGE_CONTROL_EXTRA)
foreach(file IN ITEMS conffiles postinst prerm postrm)
  list(APPEND CPACK_DEBIAN_MILLRACE_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/packaging/debian/${file})
endforeach()
set(CPACK_DEBIAN_MILLRACE_DESCRIPTION "Server-Sent Events: server, client and load generator
 The program millrace: serve, tail, publish and bench, as a service with the
 options in /etc/millrace/millrace.toml.")

# The core needs nothing; most programs use the server or the client, so what these need is recommended, which apt
# installs. Few use more than one of the other parts.
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libmillrace-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_RECOMMENDS "")
set(recommends pkg-config)
set(suggests libgtest-dev)  # for millrace/testing/
foreach(part IN ITEMS client server jwt metrics sqlite nats postgres redis)
  foreach(dependency IN LISTS MILLRACE_NEEDS_${part})
    string(REGEX MATCH "Debian: ([^)]*)" packages "${MILLRACE_${dependency}_NAME}")
    string(REPLACE ", " ";" packages "${CMAKE_MATCH_1}")
    if(part MATCHES "^(client|server)$")
      list(APPEND recommends ${packages})
    else()
      list(APPEND suggests ${packages})
    endif()
  endforeach()
endforeach()
list(REMOVE_DUPLICATES recommends)
list(REMOVE_DUPLICATES suggests)
list(REMOVE_ITEM suggests ${recommends})
list(JOIN recommends ", " CPACK_DEBIAN_DEVELOPMENT_PACKAGE_RECOMMENDS)
list(JOIN suggests ", " CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SUGGESTS)
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION "Server-Sent Events: libraries for servers and clients in C++
 Static libraries, headers, and what CMake and pkg-config read. Each part needs
 packages of its own: those of server and client are recommended, those of
 tokens, metrics and stores suggested.")
include(CPack)
