"""One module for each page, with a table `PAGES`; `hotlined.desk.app` collects the tables."""
