// One line for all counties.
data {
  int<lower=1> N;              // homes
  vector<lower=0, upper=1>[N] on_first_floor;
  vector[N] log_radon;
}
parameters {
  real alpha;
  real beta;
  real<lower=0> sigma_y;
}
model {
  alpha ~ normal(0, 10);
  beta ~ normal(0, 10);
  sigma_y ~ normal(0, 1);      // half-normal, by its lower bound
  log_radon ~ normal(alpha + beta * on_first_floor, sigma_y);
}
