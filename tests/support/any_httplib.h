// Names of cpp-httplib's that differ between its versions, for tests that run with any of them.
#pragma once

#include <httplib.h>

#include <cstddef>
#include <cstdio>
#include <string>
#include <utility>

namespace millrace::test {

#ifdef CPPHTTPLIB_VERSION_NUM  // since 0.23.1; the names since 0.23.0
using UploadItems = httplib::UploadFormDataItems;
#else
using UploadItems = httplib::MultipartFormDataItems;
#endif

/// A part of a form.
struct Part {
  std::string name;
  std::string filename;
  std::string content_type;
  std::string content;
};

/// Of the form in a request: its file of that name, or else its field.
template <typename Request>
Part part_of(const Request& request, const std::string& name) {
  if constexpr (requires { request.get_file_value(name); }) {
    const auto part = request.get_file_value(name);
    return {part.name, part.filename, part.content_type, part.content};
  } else if (request.form.has_file(name)) {
    const auto part = request.form.get_file(name);
    return {part.name, part.filename, part.content_type, part.content};
  } else {
    return {.name = name, .filename = {}, .content_type = {}, .content = request.form.get_field(name)};
  }
}

template <typename Request>
bool has_part(const Request& request, const std::string& name) {
  if constexpr (requires { request.has_file(name); }) {
    return request.has_file(name);
  } else {
    return request.form.has_file(name) || request.form.has_field(name);
  }
}

template <typename Request>
std::size_t parts_in(const Request& request) {
  if constexpr (requires { request.files; }) {
    return request.files.size();
  } else {
    return request.form.files.size() + request.form.fields.size();
  }
}

/// How long the contents of a form's files and fields are together.
template <typename Request>
std::size_t bytes_of_parts(const Request& request) {
  std::size_t bytes = 0;
  const auto add = [&bytes](const auto& parts) {
    for (const auto& [name, part] : parts) bytes += part.content.size();
  };
  if constexpr (requires { request.files; }) {
    add(request.files);
  } else {
    add(request.form.files);
    add(request.form.fields);
  }
  return bytes;
}

/// What TaskQueue::enqueue() returns: nothing until 0.14, then bool.
using EnqueueResult = decltype(std::declval<httplib::TaskQueue&>().enqueue(nullptr));

/// Whether the version is 0.`minor`.`patch` or newer.
inline bool is_httplib(int minor, int patch = 0) {
  int numbers[3] = {};
  std::sscanf(CPPHTTPLIB_VERSION, "%d.%d.%d", &numbers[0], &numbers[1], &numbers[2]);
  return std::pair(numbers[1], numbers[2]) >= std::pair(minor, patch);
}

}  // namespace millrace::test
