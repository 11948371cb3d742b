// The answers of the demo's toy model, as tokens: a few sentences on event streams, in English or Chinese.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace millrace::demo {

/// The tokens of the answer, which are the same for the same prompt. `chinese`: in Chinese instead of English.
std::vector<std::string> answer_tokens(std::string_view prompt, bool chinese);

}  // namespace millrace::demo
