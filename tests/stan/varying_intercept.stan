// A level for each county, one slope for all.
data {
  int<lower=1> N;              // homes
  int<lower=1> J;              // counties
  array[N] int<lower=1, upper=J> county;
  vector<lower=0, upper=1>[N] on_first_floor;
  vector[N] log_radon;
}
parameters {
  real mu_alpha;
  real<lower=0> sigma_alpha;
  vector<offset=mu_alpha, multiplier=sigma_alpha>[J] alpha;  // non-centered
  real beta;
  real<lower=0> sigma_y;
}
model {
  mu_alpha ~ normal(0, 10);
  sigma_alpha ~ normal(0, 1);  // half-normal, by its lower bound
  beta ~ normal(0, 10);
  sigma_y ~ normal(0, 1);
  alpha ~ normal(mu_alpha, sigma_alpha);
  log_radon ~ normal(alpha[county] + beta * on_first_floor, sigma_y);
}
