# JSON from outside is read by parse_json() (json/parse_json.h), and in the npm package by parseJson() (json.ts): they
# bound its size and its depth. Whatever else would read it is named here.
file(GLOB_RECURSE cpp ${source}/core/*.cpp ${source}/core/*.h ${source}/server/*.cpp ${source}/server/*.h
  ${source}/client-native/*.cpp ${source}/client-native/*.h ${source}/cli/*.cpp ${source}/cli/*.h
  ${source}/bench/load/*.cpp ${source}/bench/load/*.h ${source}/web-demo/server/*.cpp ${source}/web-demo/server/*.h
  ${source}/tests/contract/*.cpp)
file(GLOB_RECURSE typescript ${source}/client-wasm/src/*.ts ${source}/web-demo/src/*.ts)
list(FILTER typescript EXCLUDE REGEX "/(json|parse-json)\\.ts$")
set(found)
foreach(file IN LISTS cpp typescript)
  file(STRINGS ${file} lines REGEX "([jJ]son::(parse|accept|sax_parse|from_[a-z]+) *\\(|json_load|JSON\\.parse|>> *json)")
  foreach(line IN LISTS lines)
    string(APPEND found "\n  ${file}: ${line}")
  endforeach()
endforeach()
if(found)
  message(FATAL_ERROR "JSON is read without bounds:${found}")
endif()
