#include <cmath>

#include "landfall/shrink.hpp"

namespace landfall {

SequentialTest::SequentialTest(double seldom, double often, double error)
    : hit_(std::log(often / seldom)),
      miss_(std::log((1 - often) / (1 - seldom))),
      bound_(std::log((1 - error) / error)) {}

void SequentialTest::add(bool happened) { evidence_ += happened ? hit_ : miss_; }

std::optional<bool> SequentialTest::decision() const {
    if (evidence_ >= bound_) return true;
    if (evidence_ <= -bound_) return false;
    return std::nullopt;
}

namespace {

// P(X >= failures) for X ~ Binomial(runs, p)
double tail(const Rate& rate, double p) {
    const auto n = static_cast<double>(rate.runs);
    double sum = 0;
    for (auto k = static_cast<double>(rate.failures); k <= n; ++k)
        sum += std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) + k * std::log(p) +
                        (n - k) * std::log1p(-p));
    return sum;
}

}  // namespace

double Rate::at_least(double confidence) const {
    if (failures == 0) return 0;
    double low = 0, high = 1;
    for (int i = 0; i < 50; ++i) {
        const auto middle = (low + high) / 2;
        (tail(*this, middle) > 1 - confidence ? high : low) = middle;
    }
    return low;
}

Rate measure(const std::function<bool()>& run, std::uint64_t failures, std::uint64_t most) {
    Rate rate;
    while (rate.failures < failures && rate.runs < most) {
        ++rate.runs;
        rate.failures += run() ? 1 : 0;
    }
    return rate;
}

bool Repeatedly::operator()(const Scenario& scenario) {
    SequentialTest test(rate_ / 10, rate_ / 2, error_);
    while (!test.decision()) {
        ++runs_;
        test.add(once_(scenario));
    }
    return *test.decision();
}

}  // namespace landfall
