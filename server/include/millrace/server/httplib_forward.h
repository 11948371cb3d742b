// The types of cpp-httplib that Millrace's headers only refer to: code that uses their members includes <httplib.h>.
//
// Preprocessed, <httplib.h> is 133,000 lines (0.11, with the standard library), authorizer.h without it 81,000.
#pragma once

namespace httplib {

struct Request;
struct Response;
class ContentReader;

}  // namespace httplib
