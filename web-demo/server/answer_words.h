// What the demo's toy answers, cut into tokens: a few sentences on event streams, in English or Chinese.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace millrace::demo {

/// The same words for the same prompt. `chinese`: in Chinese, else in English. Joined, the tokens are the answer.
std::vector<std::string> answer_tokens(std::string_view prompt, bool chinese);

}  // namespace millrace::demo
