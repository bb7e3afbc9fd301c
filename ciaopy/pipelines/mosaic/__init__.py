"""reproject_obs, flux_obs, merge_obs: many observations on one grid."""
