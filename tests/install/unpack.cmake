# Makes the packages and unpacks them into an empty folder, so that nothing an earlier installation left there hides what
# is missing now.
set(packages ${root}-packages)
file(REMOVE_RECURSE ${root} ${packages})
execute_process(COMMAND ${cpack} -G DEB --config ${build}/CPackConfig.cmake -B ${packages} COMMAND_ERROR_IS_FATAL ANY)

# Of each, what it must say it needs: the program what it is linked with; the libraries recommend what server and client
# are linked with, and suggest what the other parts are.
set(fields_millrace Depends)
set(needs_millrace_Depends libcurl libcpp-httplib libssl libgoogle-perftools)
set(fields_libmillrace-dev Recommends Suggests)
set(needs_libmillrace-dev_Recommends libcurl4-openssl-dev libcpp-httplib-dev libc-ares-dev libssl-dev zlib1g-dev)
set(needs_libmillrace-dev_Suggests libcjose-dev prometheus-cpp-dev libsqlite3-dev libnats-dev libpq-dev libhiredis-dev libgtest-dev)
foreach(name IN ITEMS millrace libmillrace-dev)
  file(GLOB package ${packages}/${name}_*.deb)
  if(NOT package)
    message(FATAL_ERROR "there is no package ${name} in ${packages}")
  endif()
  execute_process(COMMAND dpkg-deb --extract ${package} ${root} COMMAND_ERROR_IS_FATAL ANY)
  foreach(field IN LISTS fields_${name})
    execute_process(COMMAND dpkg-deb --field ${package} ${field} OUTPUT_VARIABLE said COMMAND_ERROR_IS_FATAL ANY)
    foreach(need IN LISTS needs_${name}_${field})
      string(FIND "${said}" "${need}" found)
      if(found EQUAL -1)
        message(FATAL_ERROR "${name}: ${need} is not in ${field}, which has only: ${said}")
      endif()
    endforeach()
  endforeach()
endforeach()

# What a programmer reads first.
foreach(name IN ITEMS server.md client.md examples/answers.cpp examples/event_source_client.cpp)
  if(NOT EXISTS ${root}/usr/share/doc/libmillrace-dev/${name})
    message(FATAL_ERROR "libmillrace-dev has no ${name}")
  endif()
endforeach()

# The program has the names of its functions, for profilers, and nothing more for debuggers.
execute_process(COMMAND nm --demangle ${root}/usr/bin/millrace OUTPUT_VARIABLE names COMMAND_ERROR_IS_FATAL ANY)
if(NOT names MATCHES "millrace::ConnectionLoop::run\\(\\)")
  message(FATAL_ERROR "/usr/bin/millrace has no names of functions")
endif()
execute_process(COMMAND readelf --section-headers --wide ${root}/usr/bin/millrace OUTPUT_VARIABLE sections COMMAND_ERROR_IS_FATAL ANY)
if(sections MATCHES "[.]debug_info")
  message(FATAL_ERROR "/usr/bin/millrace has debug information, which takes much room")
endif()
