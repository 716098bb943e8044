// A level and a slope for each county: the hierarchical model of the book.
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
  real mu_beta;
  real<lower=0> sigma_beta;
  vector<offset=mu_alpha, multiplier=sigma_alpha>[J] alpha;  // non-centered
  vector<offset=mu_beta, multiplier=sigma_beta>[J] beta;
  real<lower=0> sigma_y;
}
model {
  mu_alpha ~ normal(0, 10);
  sigma_alpha ~ normal(0, 1);  // half-normal, by its lower bound
  mu_beta ~ normal(0, 10);
  sigma_beta ~ normal(0, 1);
  sigma_y ~ normal(0, 1);
  alpha ~ normal(mu_alpha, sigma_alpha);
  beta ~ normal(mu_beta, sigma_beta);
  log_radon ~ normal(alpha[county] + beta[county] .* on_first_floor, sigma_y);
}
