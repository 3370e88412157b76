#include "fuzz/mutate.hpp"

#include <algorithm>
#include <vector>

namespace landfall::fuzz {
namespace {

using Lines = std::vector<std::string_view>;

// Every line with its newline, so that all of them together are the text.
Lines lines_of(std::string_view text) {
    Lines out;
    while (!text.empty()) {
        const auto length = std::min(text.find('\n'), text.size() - 1) + 1;
        out.push_back(text.substr(0, length));
        text.remove_prefix(length);
    }
    return out;
}

std::string joined(const Lines& lines) {
    std::string out;
    for (const auto line : lines) {
        out += line;
        if (!line.ends_with('\n')) out += '\n';
    }
    return out;
}

bool in_word(char c) { return std::string_view(" \t\n+[]{},:").find(c) == std::string_view::npos; }

// Where the words of the text are.
std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> out;
    for (auto at = text.begin(); at != text.end();) {
        const auto begin = std::find_if(at, text.end(), in_word);
        at = std::find_if_not(begin, text.end(), in_word);
        if (begin != at) out.emplace_back(begin, at);
    }
    return out;
}

std::string exchange_word(std::string_view text, Choices& choices) {
    const auto words = words_of(text);
    if (words.empty()) return std::string(text);
    const auto old = words[choices.below(words.size())], other = words[choices.below(words.size())];
    return std::string(text).replace(static_cast<std::size_t>(old.data() - text.data()), old.size(), other);
}

// Some consecutive lines: rather few than many.
Lines some(const Lines& lines, Choices& choices) {
    const auto first = choices.below(lines.size());
    const auto most = std::min<std::uint64_t>(lines.size() - first, std::uint64_t{1} << choices.below(5));
    const auto begin = lines.begin() + static_cast<std::ptrdiff_t>(first);
    return {begin, begin + static_cast<std::ptrdiff_t>(1 + choices.below(most))};
}

void insert(Lines& lines, const Lines& more, Choices& choices) {
    lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(choices.below(lines.size() + 1)), more.begin(), more.end());
}

void erase(Lines& lines, const Lines& gone) {
    const auto begin = std::ranges::find(lines, gone.front().data(), [](auto line) { return line.data(); });
    lines.erase(begin, begin + static_cast<std::ptrdiff_t>(gone.size()));
}

}  // namespace

std::string mutate(std::string_view text, Choices& choices) {
    auto lines = lines_of(text);
    const auto how = choices.below(6);
    if (lines.empty() || how >= 3) return exchange_word(text, choices);
    const auto chosen = some(lines, choices);
    if (how != 0) erase(lines, chosen);
    if (how != 1) insert(lines, chosen, choices);
    return joined(lines);
}

std::string cross(std::string_view text, std::string_view other, Choices& choices) {
    auto lines = lines_of(text);
    const auto others = lines_of(other);
    if (!others.empty()) insert(lines, some(others, choices), choices);
    return joined(lines);
}

}  // namespace landfall::fuzz
